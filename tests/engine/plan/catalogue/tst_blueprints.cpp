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
        QVERIFY(blueprints().size() >= 60);
        std::set<std::string> names;
        for (const Blueprint& blueprint : blueprints()) {
            const ModelShape& shape = blueprint.shape;
            QVERIFY2(names.insert(shape.name).second, shape.name.c_str());
            QVERIFY2(shape.parameterCount() == blueprint.publishedParameters,
                     qPrintable(QString("%1: %2, published %3").arg(shape.name.c_str()).arg(shape.parameterCount()).arg(blueprint.publishedParameters)));
            QVERIFY2(!blueprint.licence.empty() && blueprint.source.size() > 20, shape.name.c_str());
        }
    }

    void theySpanFamiliesAndSizes()
    {
        std::set<std::string> families;
        std::uint64_t smallest = ~std::uint64_t{0};
        std::uint64_t largest = 0;
        int runnable = 0;
        for (const Blueprint& blueprint : blueprints()) {
            families.insert(blueprint.shape.family);
            smallest = std::min(smallest, blueprint.publishedParameters);
            largest = std::max(largest, blueprint.publishedParameters);
            runnable += runnableFamily(blueprint.shape) ? 1 : 0;
            QVERIFY2(findBlueprint(blueprint.repository) == &blueprint.shape && findBlueprint(blueprint.shape.name) == &blueprint.shape, blueprint.shape.name.c_str());
        }
        QVERIFY(families.size() >= 16 && runnable >= 40 && runnable < static_cast<int>(blueprints().size()));
        QCOMPARE(smallest, std::uint64_t{134'515'008});
        QCOMPARE(largest, std::uint64_t{405'853'388'800});
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
