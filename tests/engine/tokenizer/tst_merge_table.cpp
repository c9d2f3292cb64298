// SPDX-License-Identifier: GPL-3.0-or-later
// Merging against the textbook loop, for short pieces (rescan) and long ones (heap).
#include "engine/tokenizer/merge_table.h"

#include <QtTest>

#include <map>
#include <random>

using namespace lorikeet::tokenizer;

class TestMergeTable : public QObject {
    Q_OBJECT

    /// Sennrich's loop: find the best pair anywhere, leftmost first, merge it, start again.
    static std::vector<TokenId> textbook(std::vector<TokenId> ids, const std::map<std::pair<TokenId, TokenId>, Merge>& merges)
    {
        for (;;) {
            std::size_t best = ids.size();
            std::uint32_t bestRank = kNoRank;
            for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
                const auto found = merges.find({ids[i], ids[i + 1]});
                if (found != merges.end() && found->second.rank < bestRank) {
                    best = i;
                    bestRank = found->second.rank;
                }
            }
            if (best == ids.size()) {
                return ids;
            }
            ids[best] = merges.at({ids[best], ids[best + 1]}).result;
            ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
        }
    }

    /// Tokens spell strings over {0,1,2}; a merge's result is the token of the joined string, as in a real vocabulary.
    struct RandomMerges {
        std::vector<std::string> texts = {"0", "1", "2"};
        std::map<std::pair<TokenId, TokenId>, Merge> merges;
        MergeTable table{40};
    };
    static RandomMerges randomMerges(std::mt19937& random)
    {
        RandomMerges made;
        for (std::uint32_t rank = 0; rank < 40; ++rank) {
            const auto left = static_cast<TokenId>(random() % made.texts.size());
            const auto right = static_cast<TokenId>(random() % made.texts.size());
            const std::string joined = made.texts[static_cast<std::size_t>(left)] + made.texts[static_cast<std::size_t>(right)];
            const auto known = std::find(made.texts.begin(), made.texts.end(), joined);
            const auto result = static_cast<TokenId>(known - made.texts.begin());
            if (known == made.texts.end()) {
                made.texts.push_back(joined);
            }
            if (made.merges.emplace(std::pair{left, right}, Merge{rank, result}).second) {
                made.table.insert(left, right, {rank, result});
            }
        }
        return made;
    }

private Q_SLOTS:
    void mergesAreThoseOfTheTextbookLoop_data()
    {
        QTest::addColumn<int>("length");
        QTest::newRow("short") << 12;
        QTest::newRow("as long as the rescan goes") << 32;
        QTest::newRow("first heap") << 33;
        QTest::newRow("long") << 400;
    }
    void mergesAreThoseOfTheTextbookLoop()
    {
        QFETCH(int, length);
        std::mt19937 random(17);
        for (int round = 0; round < 200; ++round) {
            const RandomMerges made = randomMerges(random);
            std::vector<TokenId> ids;
            std::vector<Symbol> symbols;
            for (int i = 0; i < length; ++i) {
                ids.push_back(static_cast<TokenId>(random() % 3));
                symbols.push_back({ids.back(), static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i + 1)});
            }
            MergeScratch scratch;
            made.table.mergeAll(symbols, scratch);
            std::vector<TokenId> merged;
            std::uint32_t position = 0;
            for (const Symbol& symbol : symbols) {
                merged.push_back(symbol.id);
                QCOMPARE(symbol.begin, position);
                position = symbol.end;
                QCOMPARE(made.texts[static_cast<std::size_t>(symbol.id)].size(), std::size_t{symbol.end - symbol.begin});
            }
            QCOMPARE(position, static_cast<std::uint32_t>(length));
            QCOMPARE(merged, textbook(ids, made.merges));
        }
    }
};

QTEST_GUILESS_MAIN(TestMergeTable)
#include "tst_merge_table.moc"
