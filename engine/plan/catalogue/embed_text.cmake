# SPDX-License-Identifier: GPL-3.0-or-later
# cmake -DINPUT=a.json -DOUTPUT=a.cpp -DFUNCTION=aText -P embed_text.cmake
# Writes a .cpp whose function returns the text of a file. Its pieces are short enough for every compiler (16 kB a literal) and are joined
# at run time, because joined literals may not be longer than 64 kB everywhere.
file(READ "${INPUT}" text)
string(LENGTH "${text}" length)
set(pieces "")
set(at 0)
while(at LESS length)
    string(SUBSTRING "${text}" ${at} 8000 piece)
    string(APPEND pieces "    R\"lorikeet(${piece})lorikeet\",\n")
    math(EXPR at "${at} + 8000")
endwhile()
get_filename_component(name "${INPUT}" NAME)
file(WRITE "${OUTPUT}" "// Made from ${name}; edit that file.
#include \"engine/plan/catalogue/embedded_text.h\"

#include <string>

namespace lorikeet::plan {

namespace {

constexpr std::string_view kPieces[] = {
${pieces}};

}  // namespace

std::string_view ${FUNCTION}()
{
    static const std::string text = [] {
        std::string all;
        for (const std::string_view piece : kPieces)
            all += piece;
        return all;
    }();
    return text;
}

}  // namespace lorikeet::plan
")
