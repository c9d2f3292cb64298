// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/formats/parameters.h"

#include <QtTest>

#include <set>

using namespace lorikeet;
using namespace lorikeet::formats;

namespace {

ModelShape smallShape()
{
    ModelShape shape;
    shape.family = "llama";
    shape.layers = 2;
    shape.hidden = 12;
    shape.heads = 4;
    shape.kvHeads = 2;
    shape.headSize = 6;
    shape.mlp = 20;
    shape.vocab = 50;
    return shape;
}

std::uint64_t elementsOf(const ModelShape& shape)
{
    std::uint64_t sum = 0;
    for (const ParamId id : parametersOf(shape))
        sum += static_cast<std::uint64_t>(elementCountOf(id, shape));
    return sum;
}

}  // namespace

class TestParameters : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theElementsAddUpToThePublishedCount_data()
    {
        QTest::addColumn<bool>("bias");
        QTest::addColumn<bool>("norm");
        QTest::addColumn<bool>("tied");
        for (int i = 0; i < 8; ++i)
            QTest::addRow("bias %d norm %d tied %d", i & 1, (i >> 1) & 1, i >> 2) << ((i & 1) != 0) << ((i & 2) != 0) << ((i & 4) != 0);
    }
    void theElementsAddUpToThePublishedCount()
    {
        QFETCH(bool, bias);
        QFETCH(bool, norm);
        QFETCH(bool, tied);
        ModelShape shape = smallShape();
        shape.qkvBias = shape.outBias = shape.mlpBias = bias;
        shape.qkNorm = norm;
        shape.tiedHead = tied;
        QCOMPARE(elementsOf(shape), shape.parameterCount());
    }

    void everyParameterHasItsOwnNameInBothFormats()
    {
        ModelShape shape = smallShape();
        shape.qkvBias = shape.outBias = shape.mlpBias = shape.qkNorm = true;
        std::set<std::string> hf;
        std::set<std::string> gguf;
        const auto ids = parametersOf(shape);
        for (const ParamId id : ids) {
            hf.insert(hfNameOf(id));
            gguf.insert(ggufNameOf(id));
        }
        ModelShape after = smallShape();
        after.qkNorm = after.qkNormWholeWidth = after.normAfter = true;
        QVERIFY((shapeOf(normId(ParamKind::KNorm, 0), after) == std::array<std::int64_t, 2>{after.kvWidth(), 1}));
        QCOMPARE(hfNameOf(normId(ParamKind::NormAfterMlp, 7)), std::string("model.layers.7.post_feedforward_layernorm.weight"));
        QCOMPARE(parametersOf(after).size(), parametersOf(smallShape()).size() + 2 * static_cast<std::size_t>(after.layers));
        QCOMPARE(hf.size(), ids.size());
        QCOMPARE(gguf.size(), ids.size());
    }

    void namesAreThoseOfThePublishedFiles()
    {
        QCOMPARE(hfNameOf(weightId(3, Linear::Q)), std::string("model.layers.3.self_attn.q_proj.weight"));
        QCOMPARE(hfNameOf(biasId(0, Linear::V)), std::string("model.layers.0.self_attn.v_proj.bias"));
        QCOMPARE(hfNameOf(normId(ParamKind::LayerNormMid, 7)), std::string("model.layers.7.post_attention_layernorm.weight"));
        QCOMPARE(hfNameOf(headId()), std::string("lm_head.weight"));
        QCOMPARE(ggufNameOf(weightId(11, Linear::O)), std::string("blk.11.attn_output.weight"));
        QCOMPARE(ggufNameOf(normId(ParamKind::LayerNormMid, 7)), std::string("blk.7.ffn_norm.weight"));
    }

    void aVectorIsAColumn()
    {
        const ModelShape shape = smallShape();
        QVERIFY((shapeOf(finalNormId(), shape) == std::array<std::int64_t, 2>{12, 1}));
        QVERIFY((fileShapeOf(finalNormId(), shape) == std::vector<std::int64_t>{12}));
        QVERIFY((fileShapeOf(weightId(0, Linear::K), shape) == std::vector<std::int64_t>{12, 12}));
        QVERIFY((fileShapeOf(weightId(0, Linear::Down), shape) == std::vector<std::int64_t>{12, 20}));
    }
};

QTEST_GUILESS_MAIN(TestParameters)
#include "tst_parameters.moc"
