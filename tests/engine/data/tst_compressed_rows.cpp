// SPDX-License-Identifier: GPL-3.0-or-later
// Compressed data files: the same rows as unpacked, several members and frames, and streams that are cut off, broken or made to unpack without end.
#include "engine/data/reader.h"

#include "data_files.h"

#include <zlib.h>
#include <zstd.h>

#include <functional>

using namespace lorikeet;
using namespace lorikeet::data;

using Pack = std::function<std::string(const std::string&)>;
Q_DECLARE_METATYPE(Pack)

class TestCompressedRows : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void rowsAreThoseOfTheTextItself_data();
    void rowsAreThoseOfTheTextItself();
    void membersAndFramesAreOneStream_data();
    void membersAndFramesAreOneStream();
    void everyCutIsNoticed_data();
    void everyCutIsNoticed();
    void aCutSaysHowFarItGot();
    void flippedBytesAreNoticed_data();
    void flippedBytesAreNoticed();
    void otherDataUnderTheNameAreRefused_data();
    void otherDataUnderTheNameAreRefused();
    void progressCountsTheFile();
    void anEndlessRowIsSkippedInLittleMemory_data();
    void anEndlessRowIsSkippedInLittleMemory();
    void textWithoutRowsHasAnEnd();
    void wideWindowsAreRefused();
};

namespace {

std::string gzip(const std::string& text)
{
    z_stream stream{};
    if (deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        qFatal("deflateInit2");
    std::string packed(deflateBound(&stream, text.size()) + 64, '\0');
    std::string source = text;
    stream.next_in = reinterpret_cast<Bytef*>(source.data());
    stream.avail_in = static_cast<uInt>(source.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
        qFatal("deflate");
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
}

std::string zstd(const std::string& text)
{
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    std::string packed(ZSTD_compressBound(text.size()), '\0');
    packed.resize(ZSTD_compress2(context, packed.data(), packed.size(), text.data(), text.size()));
    ZSTD_freeCCtx(context);
    return packed;
}

QStringList rowsOf(const std::filesystem::path& path)
{
    RowReader reader(path);
    QStringList rows;
    while (const auto row = reader.next())
        rows << QString::number(row->number) + QString::fromStdString(row->problem.empty() ? ":" + row->value.dump() : "!" + row->problem);
    return rows;
}

/// Text that does not shrink to nothing, of many blocks.
std::string manyRows()
{
    std::string text;
    std::uint64_t state = 7;
    for (int i = 0; i < 20000; ++i) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        text += "{\"n\":" + std::to_string(i) + ",\"t\":\"" + std::to_string(state) + "\"}\n";
    }
    return text;
}

void addPacks()
{
    QTest::addColumn<QString>("ending");
    QTest::addColumn<Pack>("pack");
    QTest::newRow("gzip") << ".gz" << Pack(gzip);
    QTest::newRow("Zstandard") << ".zst" << Pack(zstd);
}

std::string nameWith(const char* name, const QString& ending)
{
    return name + ending.toStdString();
}

}  // namespace

void TestCompressedRows::rowsAreThoseOfTheTextItself_data()
{
    addPacks();
}

void TestCompressedRows::rowsAreThoseOfTheTextItself()
{
    QFETCH(QString, ending);
    QFETCH(Pack, pack);
    DataFolder folder;
    const std::vector<std::pair<const char*, std::string>> files{
        {"x.jsonl", manyRows()}, {"x.JSON", "[{\"a\":1},\n{\"a\":2}]"},     {"x.txt", "one\ntwo\n"},    {"x.csv", "\xEF\xBB\xBF" "a;b\r\n\"1\n\";2\r\n"},
        {"x.tsv", "a\tb\n1\t2\n"}, {"x.ndjson", "{\"a\":1}\n{\"a\":}\n"}, {"x.jsonl", std::string()}};
    for (const auto& [name, text] : files) {
        const QStringList plain = rowsOf(folder.put(name, text));
        QCOMPARE(rowsOf(folder.put(nameWith(name, ending).c_str(), pack(text))), plain);
        QCOMPARE(plain.isEmpty(), text.empty());
    }
    RowReader reader(folder.put(nameWith("y.csv", ending.toUpper()).c_str(), pack("a;b\n1;2\n")));
    QCOMPARE(QString::fromStdString(describe(reader.kind())), QString("table with semicolons, ") + QTest::currentDataTag());
}

void TestCompressedRows::membersAndFramesAreOneStream_data()
{
    addPacks();
}

void TestCompressedRows::membersAndFramesAreOneStream()
{
    QFETCH(QString, ending);
    QFETCH(Pack, pack);
    DataFolder folder;
    const std::string packed = pack("{\"a\":1}\n{\"a\"") + pack("") + pack(":2}\n") + pack("{\"a\":3}");
    const QStringList expected{R"(1:{"a":1})", R"(2:{"a":2})", R"(3:{"a":3})"};
    QCOMPARE(rowsOf(folder.put(nameWith("x.jsonl", ending).c_str(), packed)), expected);
    if (ending == ".gz") {
        QCOMPARE(rowsOf(folder.put("padded.jsonl.gz", packed + std::string(200'000, '\0'))), expected);
    } else {
        const std::string skippable("\x50\x2A\x4D\x18\x03\0\0\0abc", 11);
        QCOMPARE(rowsOf(folder.put("skipped.jsonl.zst", skippable + packed + skippable)), expected);
    }
    const auto garbage = folder.put(nameWith("garbage.jsonl", ending).c_str(), packed + "garbage");
    QVERIFY(refuses(ErrorCode::BadInput, {"broken", "garbage.jsonl"}, [&] { rowsOf(garbage); }));
}

void TestCompressedRows::everyCutIsNoticed_data()
{
    addPacks();
}

void TestCompressedRows::everyCutIsNoticed()
{
    QFETCH(QString, ending);
    QFETCH(Pack, pack);
    DataFolder folder;
    const std::string packed = pack("{\"a\":1}\n{\"a\":2}\n");
    for (std::size_t length = 0; length < packed.size(); ++length) {
        const auto path = folder.put(nameWith("x.jsonl", ending).c_str(), packed.substr(0, length));
        QVERIFY2(refuses(ErrorCode::BadInput, {"x.jsonl"}, [&] { rowsOf(path); }), std::to_string(length).c_str());
    }
}

void TestCompressedRows::aCutSaysHowFarItGot()
{
    DataFolder folder;
    const std::string text = manyRows();
    for (const auto& [name, packed] : {std::pair<const char*, std::string>{"x.jsonl.gz", gzip(text)}, {"x.jsonl.zst", zstd(text)}}) {
        const std::size_t half = packed.size() / 2;
        RowReader reader(folder.put(name, packed.substr(0, half)));
        std::int64_t last = 0;
        std::string message;
        try {
            while (const auto row = reader.next()) {
                QVERIFY(row->problem.empty());
                last = row->number;
            }
        } catch (const Error& error) {
            message = error.message();
        }
        QVERIFY(last > 0 && last < 20000);
        const std::string where = "at byte " + std::to_string(half) + " of " + std::to_string(half);
        QVERIFY2(message.find(where) != std::string::npos && message.find("end before they are complete") != std::string::npos, message.c_str());
        QVERIFY2(message.find("rows up to " + std::to_string(last) + " were read") != std::string::npos, message.c_str());
        QVERIFY(!reader.next());
    }
}

void TestCompressedRows::flippedBytesAreNoticed_data()
{
    addPacks();
}

void TestCompressedRows::flippedBytesAreNoticed()
{
    QFETCH(QString, ending);
    QFETCH(Pack, pack);
    DataFolder folder;
    const std::string packed = pack(manyRows());
    // Behind the header, whose times and names mean nothing; both formats end with a checksum.
    for (std::size_t at = 20; at < packed.size(); at += packed.size() / 23) {
        std::string bad = packed;
        bad[at] = static_cast<char>(bad[at] ^ 0x10);
        const auto path = folder.put(nameWith("x.jsonl", ending).c_str(), bad);
        QVERIFY2(refuses(ErrorCode::BadInput, {"x.jsonl"}, [&] { rowsOf(path); }), std::to_string(at).c_str());
    }
}

void TestCompressedRows::otherDataUnderTheNameAreRefused_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("words");
    QTest::newRow("text as gzip") << "x.jsonl.gz" << QByteArray("{\"a\":1}\n") << "does not begin as gzip";
    QTest::newRow("text as Zstandard") << "x.csv.zst" << QByteArray("a,b\n") << "does not begin as Zstandard";
    QTest::newRow("gzip as Zstandard") << "x.csv.zst" << QByteArray::fromStdString(gzip("a,b\n")) << "does not begin as Zstandard";
    QTest::newRow("packed twice") << "x.csv.gz" << QByteArray::fromStdString(gzip(gzip("a,b\n"))) << "holds gzip data";
    QTest::newRow("UTF-16 inside") << "x.csv.gz" << QByteArray::fromStdString(gzip(std::string("\xFF\xFE" "a\0", 4))) << "UTF-16";
    QTest::newRow("empty") << "x.txt.gz" << QByteArray() << "is empty";
}

void TestCompressedRows::otherDataUnderTheNameAreRefused()
{
    QFETCH(QString, name);
    QFETCH(QByteArray, bytes);
    QFETCH(QString, words);
    DataFolder folder;
    const auto path = folder.put(qPrintable(name), bytes.toStdString());
    QVERIFY(refuses(ErrorCode::BadInput, {qPrintable(words), qPrintable(name)}, [&] { RowReader reader(path); }));
}

void TestCompressedRows::progressCountsTheFile()
{
    DataFolder folder;
    const std::string text = manyRows();
    for (const auto& [name, packed] : {std::pair<const char*, std::string>{"x.jsonl.gz", gzip(text)}, {"x.jsonl.zst", zstd(text)}}) {
        RowReader reader(folder.put(name, packed));
        QCOMPARE(reader.bytesTotal(), std::uint64_t{packed.size()});
        std::uint64_t before = 0;
        while (reader.next()) {
            QVERIFY(reader.bytesRead() >= before && reader.bytesRead() <= reader.bytesTotal());
            before = reader.bytesRead();
        }
        QCOMPARE(reader.bytesRead(), reader.bytesTotal());
        QCOMPARE(reader.textBytesRead(), std::uint64_t{text.size()});
    }
}

void TestCompressedRows::anEndlessRowIsSkippedInLittleMemory_data()
{
    addPacks();
}

void TestCompressedRows::anEndlessRowIsSkippedInLittleMemory()
{
    QFETCH(QString, ending);
    QFETCH(Pack, pack);
    DataFolder folder;
    const std::string spaces = pack(std::string(kMaxRowBytes, ' '));
    QVERIFY(spaces.size() < kMaxRowBytes / 500);
    std::string packed = pack("{\"a\":1}\n{\"a\":");
    for (int i = 0; i < 3; ++i)
        packed += spaces;
    packed += pack("2}\n{\"a\":3}\n");
    QCOMPARE(rowsOf(folder.put(nameWith("x.jsonl", ending).c_str(), packed)),
             (QStringList{R"(1:{"a":1})", "2!the row is longer than 64 MiB", R"(3:{"a":3})"}));
}

void TestCompressedRows::textWithoutRowsHasAnEnd()
{
    // 512 MiB of blank lines in 2 MB: no row ever begins, and nobody wants to wait for the end of a larger one.
    DataFolder folder;
    std::string blanks(kMaxRowBytes, ' ');
    for (std::size_t i = 0; i < blanks.size(); i += 100)
        blanks[i] = '\n';
    const std::string breaks = gzip(blanks);
    std::string packed = gzip("{\"a\":1}\n");
    for (int i = 0; i < 8; ++i)
        packed += breaks;
    const auto path = folder.put("x.jsonl.gz", packed);
    QVERIFY(refuses(ErrorCode::BadInput, {"x.jsonl.gz", "no row ends within 256 MiB", "rows up to 1 were read"}, [&] { rowsOf(path); }));
}

void TestCompressedRows::wideWindowsAreRefused()
{
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 28);
    const std::string text = "{\"a\":1}\n";
    std::string packed(1024, '\0');
    // Streamed, so that the frame does not tell its size and needs the whole window.
    ZSTD_inBuffer in{text.data(), text.size(), 0};
    ZSTD_outBuffer out{packed.data(), packed.size(), 0};
    ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush);
    ZSTD_compressStream2(context, &out, &in, ZSTD_e_end);
    ZSTD_freeCCtx(context);
    packed.resize(out.pos);
    DataFolder folder;
    const auto path = folder.put("x.jsonl.zst", packed);
    QVERIFY(refuses(ErrorCode::BadInput, {"128 MiB", "--long"}, [&] { rowsOf(path); }));
}

QTEST_GUILESS_MAIN(TestCompressedRows)
#include "tst_compressed_rows.moc"
