// SPDX-License-Identifier: GPL-3.0-or-later
// Tables against Python's csv module (strict), live, and through the oracle against pandas: written ones of every dialect, and random texts
// of quotes, separators and line breaks.
#include "engine/data/reader.h"

#include "tests/engine/tokenizer/oracle.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet;
using namespace lorikeet::data;
using Json = nlohmann::json;

class TestTableParity : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyTableHasPythonsCells();
};

namespace {

/// Empty when the rows are the oracle's; null there is a row with a wrong number of cells.
std::string difference(const std::filesystem::path& path, const Json& table)
{
    RowReader reader(path);
    for (const Json& theirs : table.at("rows")) {
        const auto row = reader.next();
        if (!row)
            return "too few rows";
        const std::string number = "row " + std::to_string(row->number) + ": ";
        if (row->problem.empty() == theirs.is_null())
            return number + "broken on one side only: " + row->problem;
        if (theirs.is_null())
            continue;
        std::vector<std::string> names;
        std::vector<std::string> cells;
        for (const auto& [name, cell] : row->value.items()) {
            names.push_back(name);
            cells.push_back(cell.get<std::string>());
        }
        std::string text = tokenizer::testing::firstDifference(names, table.at("columns").get<std::vector<std::string>>());
        if (text.empty())
            text = tokenizer::testing::firstDifference(cells, theirs.get<std::vector<std::string>>());
        if (!text.empty())
            return number + text;
    }
    return reader.next() ? "too many rows" : "";
}

}  // namespace

void TestTableParity::everyTableHasPythonsCells()
{
    QTemporaryDir folder;
    const QString failure = tokenizer::testing::runOracle("table_oracle.py", {folder.path()});
    QVERIFY2(failure.isEmpty(), qPrintable(failure));
    const Json tables = tokenizer::testing::readJson(folder.filePath("tables.json"));
    QVERIFY(tables.size() >= 300);
    for (const Json& table : tables) {
        const std::string name = table.at("file");
        const std::string text = difference((folder.path().toStdString() + "/" + name), table);
        QVERIFY2(text.empty(), (name + ", " + text).c_str());
    }
}

QTEST_GUILESS_MAIN(TestTableParity)
#include "tst_table_parity.moc"
