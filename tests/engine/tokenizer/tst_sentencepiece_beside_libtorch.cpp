// SPDX-License-Identifier: GPL-3.0-or-later
// SentencePiece and LibTorch both carry a protobuf: in one process each must find its own.
#include "tests/engine/tokenizer/model_bytes.h"

#include "engine/base/files.h"
#include "engine/tokenizer/tokenizer.h"

#include <QTemporaryDir>
#include <QtTest>

#include <ATen/ops/arange.h>
#include <ATen/ops/sum.h>

using namespace lorikeet::tokenizer;

class TestSentencepieceBesideLibtorch : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void modelsLoadAndEncodeWhileLibTorchIsInTheProcess()
    {
        QCOMPARE(at::sum(at::arange(10)).item<std::int64_t>(), std::int64_t{45});
        QTemporaryDir folder;
        const std::filesystem::path path = folder.path().toStdString();
        lorikeet::writeFileAtomically(path / "tokenizer.model", testing::smallModel());
        const auto tokenizer = loadTokenizer(path);
        // blank a b: "ab" merges before "blank a".
        QCOMPARE(tokenizer->encode("ab a", SpecialTokens::Parse), (std::vector<TokenId>{3, 6, 7}));
        QCOMPARE(tokenizer->decode(std::vector<TokenId>{3, 6, 7}, true), std::string("ab a"));
        QCOMPARE(at::sum(at::arange(11)).item<std::int64_t>(), std::int64_t{55});
    }

    void brokenModelsAreRefusedWhileLibTorchIsInTheProcess()
    {
        QTemporaryDir folder;
        const std::filesystem::path path = folder.path().toStdString();
        const std::string model = testing::smallModel();
        for (std::size_t cut = 1; cut < model.size(); cut += 3) {
            lorikeet::writeFileAtomically(path / "tokenizer.model", model.substr(0, cut));
            try {
                (void)loadTokenizer(path)->encode("ab", SpecialTokens::Parse);
            } catch (const std::exception& e) {
                QVERIFY2(std::string_view(e.what()).find("tokenizer.model") != std::string_view::npos, e.what());
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestSentencepieceBesideLibtorch)
#include "tst_sentencepiece_beside_libtorch.moc"
