// SPDX-License-Identifier: GPL-3.0-or-later
// The blueprints: every shape has its published parameter count, and names are found as people write them.
#include "engine/plan/catalogue/catalogue.h"

#include <QtTest/QtTest>

#include <set>

using namespace lorikeet;
using namespace lorikeet::plan;

class TestBlueprints : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void blueprintsHaveTheirPublishedParameterCounts()
    {
        QVERIFY(blueprints().size() >= 12);
        std::set<std::string> names;
        for (const Blueprint& blueprint : blueprints()) {
            const ModelShape& shape = blueprint.shape;
            QVERIFY2(names.insert(shape.name).second, shape.name.c_str());
            QVERIFY2(shape.parameterCount() == blueprint.publishedParameters,
                     qPrintable(QString("%1: %2, published %3").arg(shape.name.c_str()).arg(shape.parameterCount()).arg(blueprint.publishedParameters)));
            QVERIFY2(!blueprint.licence.empty() && blueprint.source.size() > 20, shape.name.c_str());
        }
    }

    void blueprintsAreFoundByName()
    {
        for (const char* name : {"Qwen3-0.6B", "qwen3-0.6b", "blueprint:Qwen3-0.6B", "Qwen/Qwen3-0.6B"}) {
            const ModelShape* shape = findBlueprint(name);
            QVERIFY2(shape != nullptr, name);
            QCOMPARE(shape->name, std::string("Qwen3-0.6B"));
            QVERIFY(shape->qkNorm && shape->tiedHead && !shape->qkvBias);
            QCOMPARE(shape->queryWidth(), std::int64_t{2048});
        }
        QVERIFY(findBlueprint("") == nullptr);
        QVERIFY(findBlueprint("Qwen3") == nullptr);
        QCOMPARE(suggestBlueprint("blueprint:Qwen3-0.6"), std::optional<std::string>("Qwen3-0.6B"));
        QCOMPARE(suggestBlueprint("something else entirely"), std::nullopt);
    }

    void llama3BlueprintsScaleTheirPositions()
    {
        const ModelShape* shape = findBlueprint("Llama-3.2-1B");
        QVERIFY(shape != nullptr);
        QVERIFY(shape->ropeScaling.type == RopeScaling::Type::Llama3);
        QCOMPARE(shape->ropeScaling.factor, 32.0);
        QCOMPARE(findBlueprint("Llama-3.1-8B")->ropeScaling.factor, 8.0);
        QVERIFY(findBlueprint("SmolLM2-135M")->ropeScaling.type == RopeScaling::Type::None);
    }
};

QTEST_GUILESS_MAIN(TestBlueprints)
#include "tst_blueprints.moc"
