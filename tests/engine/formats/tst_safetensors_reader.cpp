// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/safetensors_reader.h"
#include "tests/engine/formats/gguf_bytes.h"
#include "tests/engine/formats/refusal.h"

#include <QTemporaryDir>
#include <QtTest>

#include <array>

using namespace lorikeet;
using namespace lorikeet::formats;

namespace {

/// A file with the header text and `dataBytes` bytes 0, 1, 2, ...
std::string fileOf(const std::string& json, std::size_t dataBytes)
{
    std::string bytes = le<std::uint64_t>(json.size()) + json;
    for (std::size_t i = 0; i < dataBytes; ++i)
        bytes += static_cast<char>(i);
    return bytes;
}

const std::string kTwo = R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                         R"("a":{"dtype":"BF16","shape":[1,3],"data_offsets":[8,14]}})";

}  // namespace

class TestSafetensorsReader : public QObject {
    Q_OBJECT

    QTemporaryDir m_dir;
    std::filesystem::path write(const std::string& bytes) { return writeBytes(m_dir.filePath("x.safetensors").toStdString(), bytes); }

private Q_SLOTS:
    void readsTensorsAndMetadata()
    {
        const SafetensorsFile file(write(fileOf(kTwo, 14)));
        QCOMPARE(file.tensors().size(), std::size_t{2});
        QCOMPARE(file.metadata().at("format"), std::string("pt"));
        const SafeTensor* a = file.find("a");
        QVERIFY(a != nullptr);
        QVERIFY((a->type == SafeType::BF16 && a->shape == std::vector<std::uint64_t>{1, 3} && a->bytes == 6));
        std::array<std::byte, 2> part{};
        file.read("a", 4, part);
        QVERIFY(part[0] == std::byte{12} && part[1] == std::byte{13});
    }

    void refusesToReadPastATensor()
    {
        const SafetensorsFile file(write(fileOf(kTwo, 14)));
        std::array<std::byte, 4> part{};
        VERIFY_REFUSAL(refusalOf([&] { file.read("a", 4, part); }), "leave a tensor of 6 bytes");
        VERIFY_REFUSAL(refusalOf([&] { file.read("a", UINT64_MAX, part); }), "leave a tensor");
        VERIFY_REFUSAL(refusalOf([&] { file.read("c", 0, part); }), "no tensor 'c'");
    }

    void acceptsWhatTheLibraryAccepts_data()
    {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<int>("data");
        QTest::addRow("no tensors") << QByteArray("{}") << 0;
        QTest::addRow("white space around") << QByteArray("  \n{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}   ") << 2;
        QTest::addRow("scalar") << QByteArray(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})") << 4;
        QTest::addRow("empty tensor") << QByteArray(R"({"a":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]}})") << 0;
        QTest::addRow("two empty tensors at one place")
            << QByteArray(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})") << 0;
        QTest::addRow("four-bit floats") << QByteArray(R"({"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}})") << 2;
        QTest::addRow("null metadata") << QByteArray(R"({"__metadata__":null})") << 0;
        QTest::addRow("field of a later version")
            << QByteArray(R"({"a":{"dtype":"U8","x":{"y":[1,{}]},"shape":[1],"data_offsets":[0,1]}})") << 1;
    }
    void acceptsWhatTheLibraryAccepts()
    {
        QFETCH(QByteArray, json);
        QFETCH(int, data);
        const auto path = write(fileOf(json.toStdString(), static_cast<std::size_t>(data)));
        QCOMPARE(refusalOf([&] { SafetensorsFile{path}; }), std::string("accepted"));
    }

    void refusesMalformedHeaders_data()
    {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<int>("data");
        QTest::addColumn<QByteArray>("reason");
        const auto add = [](const char* name, const char* json, int data, const char* reason) {
            QTest::addRow("%s", name) << QByteArray(json) << data << QByteArray(reason);
        };
        add("empty header", "", 0, "not valid JSON");
        add("not JSON", "{garbage", 0, "not valid JSON");
        add("top is a list", "[]", 0, "found a list");
        add("top is a number", "7", 0, "found a number");
        add("truncated JSON", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4])", 4, "not valid JSON");
        add("text after the end", R"({} {})", 0, "not valid JSON");
        add("byte order mark", "\xEF\xBB\xBF{}", 0, "byte order mark");
        add("invalid UTF-8", "{\"\xFF\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "not valid JSON");
        add("unknown dtype", R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", 4, "unknown dtype 'F31'");
        add("no dtype", R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4, "lacks dtype");
        add("no shape", R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "lacks shape");
        add("no offsets", R"({"a":{"dtype":"F32","shape":[1]}})", 4, "lacks data_offsets");
        add("one offset", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "1 data_offsets, expected 2");
        add("three offsets", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4, "3 data_offsets, expected 2");
        add("negative size", R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "negative number");
        add("fractional size", R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, "the number 1.0");
        add("size is text", R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})", 4, "found a string");
        add("nested shape", R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, "found a list");
        add("entry is a number", R"({"a":4})", 0, "found a number at 'a'");
        add("metadata of numbers", R"({"__metadata__":{"a":1}})", 0, "found a number");
        add("metadata is a list", R"({"__metadata__":[]})", 0, "found a list");
        add("end before begin", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "before it begins");
        add("too few bytes", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "has 4 bytes, expected 8");
        add("too many bytes", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", 8, "has 8 bytes, expected 4");
        add("half a byte", R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}})", 2, "whole number of bytes");
        add("shape overflows", R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})", 4, "overflows");
        add("bits overflow", R"({"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,4]}})", 4, "overflows");
        add("hole at the start", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3, "begins at offset 1, expected 0");
        add("hole inside", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})", 3,
            "begins at offset 2, expected 1");
        add("overlap", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3,
            "begins at offset 1, expected 2");
        add("same bytes twice", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
            2, "begins at offset 0, expected 2");
        add("bytes after the last tensor", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 3, "cover 2 bytes, the file has 3");
        add("file ends too early", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 1, "cover 2 bytes, the file has 1");
        add("tensor twice", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2,
            "'a' occurs twice");
        add("field twice", R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "'dtype' occurs twice");
        add("field twice around a foreign object", R"({"a":{"dtype":"U8","x":{},"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1,
            "'dtype' occurs twice");
        add("metadata twice", R"({"__metadata__":{},"__metadata__":{}})", 0, "'__metadata__' occurs twice");
        add("metadata key twice", R"({"__metadata__":{"a":"1","a":"2"}})", 0, "'a' occurs twice");
    }
    void refusesMalformedHeaders()
    {
        QFETCH(QByteArray, json);
        QFETCH(int, data);
        QFETCH(QByteArray, reason);
        const auto path = write(fileOf(json.toStdString(), static_cast<std::size_t>(data)));
        const std::string message = refusalOf([&] { SafetensorsFile{path}; });
        VERIFY_REFUSAL(message, reason.toStdString());
        VERIFY_REFUSAL(message, "x.safetensors");
    }

    void refusesLyingHeaderLengths()
    {
        const std::string good = fileOf(kTwo, 14).substr(8);
        for (const std::uint64_t length : {good.size() + 1, std::size_t{100'000'001}, std::size_t{UINT64_MAX}, std::size_t{UINT64_MAX - 7}}) {
            const auto path = write(le<std::uint64_t>(length) + good);
            VERIFY_REFUSAL(refusalOf([&] { SafetensorsFile{path}; }), "header");
        }
    }

    void refusesDeepNesting()
    {
        const std::string json = R"({"a":{"x":)" + std::string(100000, '[') + std::string(100000, ']') + "}}";
        const auto path = write(fileOf(json, 0));
        VERIFY_REFUSAL(refusalOf([&] { SafetensorsFile{path}; }), "nested too deep");
    }

    void refusesAFileThatEndsAnywhere()
    {
        const std::string whole = fileOf(kTwo, 14);
        for (std::size_t length = 0; length < whole.size(); ++length) {
            const auto path = write(whole.substr(0, length));
            QVERIFY2(refusalOf([&] { SafetensorsFile{path}; }) != "accepted", qPrintable(QString::number(length)));
        }
    }

    void aFileThatShrinksWhileItIsOpenIsAnError()
    {
        const auto path = write(fileOf(kTwo, 14));
        const SafetensorsFile file(path);
        std::filesystem::resize_file(path, 40);
        std::array<std::byte, 6> all{};
        QVERIFY(refusalOf([&] { file.read("a", 0, all); }) != "accepted");
    }

    void namesOfTypesAndBack()
    {
        for (int i = 0; i <= static_cast<int>(SafeType::U64); ++i) {
            const auto type = static_cast<SafeType>(i);
            QVERIFY(safeTypeOf(nameOf(type)) == type);
            if (const auto dtype = dtypeOf(type)) {
                QVERIFY(safeTypeOf(*dtype) == type);
                QCOMPARE(std::uint64_t{bitsOf(type)}, 8 * bytesOf(*dtype));
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestSafetensorsReader)
#include "tst_safetensors_reader.moc"
