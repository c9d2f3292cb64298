// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/safetensors_writer.h"
#include "tests/engine/formats/refusal.h"

#include <QTemporaryDir>
#include <QtTest>

#include <array>
#include <numeric>

using namespace lorikeet;
using namespace lorikeet::formats;

namespace {

std::vector<std::byte> countingBytes(std::size_t size)
{
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::byte>(i * 7);
    return bytes;
}

}  // namespace

class TestSafetensorsWriter : public QObject {
    Q_OBJECT

    QTemporaryDir m_dir;
    std::filesystem::path path(const char* name) { return m_dir.filePath(name).toStdString(); }

private Q_SLOTS:
    void wideTypesComeFirstThenNames()
    {
        std::vector<SafeEntry> entries{{"z", SafeType::F32, {1}}, {"a", SafeType::BF16, {1}}, {"b", SafeType::F32, {1}}, {"c", SafeType::I64, {1}}};
        sortForSafetensors(entries);
        std::string order;
        for (const SafeEntry& entry : entries)
            order += entry.name;
        QCOMPARE(order, std::string("cbza"));
    }

    void dataBeginAtAMultipleOfEight()
    {
        for (std::size_t length = 1; length < 20; ++length) {
            const std::string header = safetensorsHeader({{std::string(length, 'n'), SafeType::F32, {2}}}, defaultSafetensorsMetadata());
            QCOMPARE(header.size() % 8, std::size_t{0});
        }
    }

    void whatWasWrittenIsReadBack()
    {
        const auto file = path("a.safetensors");
        const std::vector<std::byte> data = countingBytes(24);
        writeSafetensors(file, {{"x", SafeType::F32, {2, 3}}, {"quote\"\n\xC3\xA4", SafeType::U8, {0}}},
                         [&](const SafeEntry& entry, const AppendBytes& append) {
                             if (entry.name == "x") {
                                 append(std::span(data).first(5));
                                 append(std::span(data).subspan(5));
                             }
                         });
        const SafetensorsFile back(file);
        QCOMPARE(back.metadata().at("format"), std::string("pt"));
        QVERIFY(back.find("quote\"\n\xC3\xA4") != nullptr);
        std::vector<std::byte> read(24);
        back.read("x", 0, read);
        QVERIFY(read == data);
    }

    void missingDataLeavesTheOldFile()
    {
        const auto file = path("b.safetensors");
        writeBytes(file, "old");
        bool thrown = false;
        try {
            writeSafetensors(file, {{"x", SafeType::F32, {2}}}, [](const SafeEntry&, const AppendBytes& append) { append(countingBytes(4)); });
        } catch (const Error& error) {
            thrown = error.code() == ErrorCode::Internal;
        }
        QVERIFY(thrown);
        QCOMPARE(std::filesystem::file_size(file), std::uintmax_t{3});
        QCOMPARE(std::distance(std::filesystem::directory_iterator(file.parent_path()), std::filesystem::directory_iterator()),
                 std::ptrdiff_t{2});  // a.safetensors and b.safetensors, no temporary file
    }

    void moreDataThanAnnouncedIsOurFault()
    {
        SafetensorsWriter writer(path("c.safetensors"), {{"x", SafeType::F32, {2}}});
        QVERIFY_THROWS_EXCEPTION(Error, writer.append(countingBytes(9)));
    }

    void aNameTwiceIsOurFault()
    {
        QVERIFY_THROWS_EXCEPTION(Error, SafetensorsWriter(path("d.safetensors"), {{"x", SafeType::F32, {2}}, {"x", SafeType::BF16, {2}}}));
    }
};

QTEST_GUILESS_MAIN(TestSafetensorsWriter)
#include "tst_safetensors_writer.moc"
