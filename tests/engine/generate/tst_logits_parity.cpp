// SPDX-License-Identifier: GPL-3.0-or-later
// Logits of every architecture, of both kinds of model source and of adapters in both directions, against transformers and PEFT.
#include "engine/formats/safetensors_reader.h"
#include "engine/generate/session.h"
#include "engine/hardware/devices.h"
#include "engine/lora/adapter.h"
#include "engine/lora/peft_folder.h"
#include "tests/engine/logits.h"
#include "tests/engine/oracle_process.h"

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

using namespace lorikeet;
using test::difference;

namespace {

std::filesystem::path pathOf(const QString& text) { return text.toStdString(); }

std::vector<std::int32_t> tokensIn(const QString& folder)
{
    QFile file(folder + "/tokens.json");
    if (!file.open(QIODevice::ReadOnly))
        qFatal("no tokens.json in %s", qPrintable(folder));
    std::vector<std::int32_t> tokens;
    for (const QJsonValue& value : QJsonDocument::fromJson(file.readAll()).array())
        tokens.push_back(value.toInt());
    return tokens;
}

std::vector<float> logitsIn(const QString& path)
{
    const formats::SafetensorsFile file(pathOf(path));
    const formats::SafeTensor& tensor = file.tensors().at("logits");
    std::vector<float> values(tensor.bytes / 4);
    file.read(tensor, 0, std::as_writable_bytes(std::span(values)));
    return values;
}

/// Logits of a model, with an adapter folder where one is given.
std::vector<float> ourLogits(const QString& model, const QString& adapter, const std::vector<std::int32_t>& tokens)
{
    generate::SessionOptions options;
    options.context = 0;
    options.evaluateRows = static_cast<std::int64_t>(tokens.size());
    options.wantText = false;
    const auto shape = formats::openModelSource(pathOf(model))->shape();
    const auto slots_ = adapter.isEmpty() ? std::vector<plan::AdapterSlot>{} : lora::readSlots(pathOf(adapter), shape);
    const lora::WholeModules whole = adapter.isEmpty() ? lora::WholeModules{} : lora::findModules(pathOf(adapter), shape);
    generate::Session session(pathOf(model), slots_, hardware::probeCpu(), options, {}, {}, whole);
    if (!adapter.isEmpty()) {
        std::vector<float> flat(static_cast<std::size_t>(session.plan().layout.trained.adapterElements));
        lora::readWeights(pathOf(adapter), session.slots(), flat);
        session.setAdapter(flat);
        session.setParameters(lora::moduleReader(pathOf(adapter), shape));
    }
    return session.logits(tokens, {});
}

}  // namespace

class TestLogitsParity : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        QVERIFY(m_folder.isValid());
        const QString problem = test::runOracle("model_oracle.py", {"models", m_folder.path()});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
    }

    void everyArchitectureInEveryStorageType_data()
    {
        QTest::addColumn<QString>("name");
        for (const char* family : {"llama", "llama3", "smollm2", "mistral", "mistral-window", "qwen2", "qwen2-window", "qwen2-yarn", "dynamic", "qwen3", "qwen3-window", "granite", "smollm3", "olmo2"})
            for (const char* type : {"fp32", "bf16", "fp16"})
                QTest::addRow("%s-%s", family, type) << QString("%1-%2").arg(family, type);
    }
    void everyArchitectureInEveryStorageType()
    {
        QFETCH(QString, name);
        const QString folder = m_folder.filePath(name);
        const std::vector<float> theirs = logitsIn(folder + "/expected.safetensors");
        const double d = difference(ourLogits(folder, {}, tokensIn(folder)), theirs);
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
    }

    void ggufRowsArePutBackInOrder_data()
    {
        QTest::addColumn<QString>("name");
        QTest::newRow("llama") << "llama";
        QTest::newRow("smollm2") << "smollm2";
        QTest::newRow("granite") << "granite";
        QTest::newRow("smollm3") << "smollm3";
    }
    void ggufRowsArePutBackInOrder()
    {
        QFETCH(QString, name);
        // The GGUF was written from the fp16 numbers.
        const QString folder = m_folder.filePath(name + "-fp16");
        const double d = difference(ourLogits(m_folder.filePath(name + ".gguf"), {}, tokensIn(folder)), logitsIn(folder + "/expected.safetensors"));
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
    }

    void rowsInTheWrongOrderAreNoticed()
    {
        // The same model with q and k rows as transformers has them, which a reader of GGUF files takes apart wrongly.
        const QString folder = m_folder.filePath("llama-fp16");
        const double d = difference(ourLogits(m_folder.filePath("llama-unpermuted.gguf"), {}, tokensIn(folder)), logitsIn(folder + "/expected.safetensors"));
        QVERIFY2(d > 1e-2, qPrintable(QString::number(d)));
    }

    /// Beyond the context transformers makes the positions anew from the length of each row.
    void dynamicPositionsEndWithTheContext()
    {
        std::vector<std::int32_t> tokens = tokensIn(m_folder.filePath("dynamic-fp32"));
        QCOMPARE(tokens.size(), std::size_t{90});
        QCOMPARE(formats::openModelSource(pathOf(m_folder.filePath("dynamic-fp32")))->shape().maxContext, std::int64_t{90});
        tokens.push_back(1);
        try {
            (void)ourLogits(m_folder.filePath("dynamic-fp32"), {}, tokens);
            QFAIL("ran");
        } catch (const Error& error) {
            QVERIFY2(error.message().find("dynamic positions") != std::string::npos, error.what());
        }
    }

    void aWrongConfigurationIsNoticed_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("fault");
        for (const char* model : {"llama", "llama3", "smollm2", "mistral", "qwen2", "qwen3", "granite", "smollm3", "olmo2"})
            for (const char* fault : {"theta x 1.01", "eps x 10"})
                QTest::addRow("%s, %s", model, fault) << QString(model) << QString(fault);
        QTest::addRow("llama3, RoPE factor x 1.1") << "llama3" << "factor x 1.1";
        QTest::addRow("llama3, no RoPE scaling") << "llama3" << "no scaling";
        QTest::addRow("mistral-window, window + 1") << "mistral-window" << "window + 1";
        QTest::addRow("mistral-window, no window") << "mistral-window" << "no window";
        QTest::addRow("qwen2-yarn, RoPE factor x 1.1") << "qwen2-yarn" << "factor x 1.1";
        QTest::addRow("qwen2-yarn, attention factor of 1") << "qwen2-yarn" << "attention factor";
        QTest::addRow("qwen2-window, window + 1") << "qwen2-window" << "window + 1";
        QTest::addRow("qwen2-window, the first layer slides") << "qwen2-window" << "all layers slide";
        for (const char* multiplier : {"embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling"})
            QTest::addRow("granite, %s", multiplier) << "granite" << QString(multiplier);
        QTest::addRow("smollm3, positions in every layer") << "smollm3" << "positions everywhere";
        QTest::addRow("smollm2, queries share other heads") << "smollm2" << "heads";
    }
    void aWrongConfigurationIsNoticed()
    {
        QFETCH(QString, model);
        QFETCH(QString, fault);
        const QString good = m_folder.filePath(model + "-fp32");
        const QString bad = m_folder.filePath(QString("planted-%1").arg(QTest::currentDataTag()).replace(' ', '-').replace(',', '-'));
        copyFolder(good, bad);
        plant(bad + "/config.json", fault);
        const double d = difference(ourLogits(bad, {}, tokensIn(good)), logitsIn(good + "/expected.safetensors"));
        QVERIFY2(d > 1e-4, qPrintable(QString::number(d)));
    }

    void starterModelEqualsTransformers()
    {
        QVERIFY2(QFile::exists(LORIKEET_STARTER_MODEL), "the starter model is missing: set LORIKEET_STARTER_MODEL");
        const QString out = m_folder.filePath("starter");
        const QString problem = test::runOracle("model_oracle.py", {"gguf", LORIKEET_STARTER_MODEL, out});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        const double d = difference(ourLogits(LORIKEET_STARTER_MODEL, {}, tokensIn(out)), logitsIn(out + "/expected.safetensors"));
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
    }

    void adapterMadeByPeftLoadsHere_data()
    {
        QTest::addColumn<QString>("kind");
        QTest::addColumn<QString>("name");
        QTest::newRow("LoRA") << "peft" << "qwen3-fp32";
        QTest::newRow("LoRA, multipliers") << "peft" << "granite-fp32";
        QTest::newRow("LoRA, layers without positions") << "peft" << "smollm3-fp32";
        QTest::newRow("LoRA, norms behind") << "peft" << "olmo2-fp32";
        QTest::newRow("DoRA") << "dora" << "qwen3-fp32";
        QTest::newRow("DoRA over biases") << "dora" << "qwen2-fp32";
    }
    void adapterMadeByPeftLoadsHere()
    {
        QFETCH(QString, kind);
        QFETCH(QString, name);
        const QString model = m_folder.filePath(name);
        const QString adapter = m_folder.filePath(kind + "-adapter-" + name);
        const QString problem = test::runOracle("model_oracle.py", {kind, model, adapter});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        const std::vector<std::int32_t> tokens = tokensIn(adapter);
        const std::vector<float> theirs = logitsIn(adapter + "/expected.safetensors");
        const double d = difference(ourLogits(model, adapter, tokens), theirs);
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
        QVERIFY(difference(ourLogits(model, {}, tokens), theirs) > 1e-2);
    }

    void modulesTrainedWholeByPeftLoadHere_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("modules");
        QTest::addColumn<QString>("tie");
        QTest::newRow("all, head of its own, q/k norms") << "qwen3-fp32" << "embed_tokens,lm_head,norm" << "apart";
        QTest::newRow("head") << "mistral-fp32" << "lm_head" << "apart";
        QTest::newRow("some norms, bf16 base") << "llama-bf16" << "input_layernorm,q_norm" << "apart";
        QTest::newRow("tied, kept so") << "smollm2-fp32" << "embed_tokens" << "tied";
        QTest::newRow("tied, embedding changed alone") << "smollm2-fp32" << "embed_tokens" << "apart";
        QTest::newRow("tied, head changed alone") << "smollm2-fp32" << "lm_head" << "apart";
        QTest::newRow("tied, both changed each in its way") << "qwen2-fp32" << "embed_tokens,lm_head,post_attention_layernorm" << "apart";
    }
    void modulesTrainedWholeByPeftLoadHere()
    {
        QFETCH(QString, model);
        QFETCH(QString, modules);
        QFETCH(QString, tie);
        const QString folder = m_folder.filePath(model);
        const QString adapter = m_folder.filePath(QString("modules-%1").arg(qHash(model + modules + tie)));
        const QString problem = test::runOracle("model_oracle.py", {"modules", folder, adapter, modules, tie});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        const std::vector<float> theirs = logitsIn(adapter + "/expected.safetensors");
        const double d = difference(ourLogits(folder, adapter, tokensIn(adapter)), theirs);
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
        QVERIFY(difference(ourLogits(folder, {}, tokensIn(adapter)), theirs) > 1e-2);
    }

    void modulesTrainedWholeHereLoadInPeft_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("also");
        for (const char* model : {"smollm2-fp32", "mistral-fp32", "qwen3-fp32"})
            for (const char* also : {"embeddings", "head", "norms", "embeddings,head,norms"})
                QTest::newRow(qPrintable(QString("%1, %2").arg(model, also))) << QString(model) << QString(also);
        QTest::newRow("granite-fp32, embeddings,norms") << "granite-fp32" << "embeddings,norms";
        QTest::newRow("olmo2-fp32, norms") << "olmo2-fp32" << "norms";
    }
    void modulesTrainedWholeHereLoadInPeft()
    {
        QFETCH(QString, model);
        QFETCH(QString, also);
        const QString folder = m_folder.filePath(model);
        const auto source = formats::openModelSource(pathOf(folder));
        const ModelShape& shape = source->shape();
        Job job;
        job.recipe.rank = 3;
        for (const QString& word : also.split(','))
            job.recipe.alsoTrain.push_back(word.toStdString());
        DeviceSpec device;
        device.availableBytes = 8ull << 30;
        const plan::Trained trained = plan::plan(shape, job, device, {}).layout.trained;
        std::vector<float> flat(static_cast<std::size_t>(trained.adapterElements));
        lora::initialise(flat, trained.adapters, 3);
        for (const plan::AdapterSlot& slot : trained.adapters)
            std::ranges::fill(lora::matrixB(flat, slot), 0.03f);
        lora::TrainedModules modules;
        for (const plan::ParameterSlot& slot : trained.parameters)
            modules.ids.push_back(slot.id);
        QVERIFY(!modules.ids.empty());
        modules.read = [&](ParamId id, std::int64_t first, std::int64_t count, std::span<float> rows) {
            source->readRows(id, first, count, rows);
            for (std::size_t i = 0; i < rows.size(); ++i)
                rows[i] *= 1.0f + 0.3f * std::sin(static_cast<float>(i + 5 * static_cast<std::size_t>(first) + static_cast<std::size_t>(id.layer + 2)));
        };
        const QString adapter = m_folder.filePath(QString("whole-%1").arg(qHash(model + also)));
        QVERIFY(QDir().mkpath(adapter));
        const lora::PeftContent content{lora::peftConfigOf(job, folder.toStdString()), shape, trained.adapters, flat, modules};
        lora::writePeft(pathOf(adapter), content);
        QVERIFY(lora::verifyPeft(pathOf(adapter), content) > 2 * trained.adapters.size());

        const std::vector<float> ours = ourLogits(folder, adapter, tokensIn(folder));
        const QString out = m_folder.filePath("whole-logits.safetensors");
        const QString problem = test::runOracle("model_oracle.py", {"logits", folder, adapter, folder + "/tokens.json", out});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        const double d = difference(ours, logitsIn(out));
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
        QVERIFY(difference(ours, logitsIn(folder + "/expected.safetensors")) > 1e-2);
    }

    void adapterWrittenHereLoadsInPeft_data()
    {
        QTest::addColumn<bool>("dora");
        QTest::newRow("LoRA") << false;
        QTest::newRow("DoRA") << true;
    }
    void adapterWrittenHereLoadsInPeft()
    {
        QFETCH(bool, dora);
        const QString model = m_folder.filePath("mistral-fp32");
        const ModelShape shape = formats::openModelSource(pathOf(model))->shape();
        Job job;
        job.recipe.dora = dora;
        job.recipe.rank = 6;
        job.recipe.alpha = 10;
        job.recipe.rankPattern = {{"gate_proj", 2}};
        job.recipe.alphaPattern = {{"layers.0.self_attn.k_proj", 3.0}};
        DeviceSpec device;
        device.availableBytes = 8ull << 30;
        const plan::MemoryPlan plan = plan::plan(shape, job, device, {});
        std::vector<float> flat(static_cast<std::size_t>(plan.layout.trained.elements));
        lora::initialise(flat, plan.layout.trained.adapters, 3);
        for (const plan::AdapterSlot& slot : plan.layout.trained.adapters) {
            const std::span<float> b = lora::matrixB(flat, slot);
            for (std::size_t i = 0; i < b.size(); ++i)
                b[i] = 0.2f * std::sin(static_cast<float>(i + 17 * static_cast<std::size_t>(slot.layer)));
            for (std::int64_t i = 0; slot.dora && i < slot.out; ++i)
                flat[static_cast<std::size_t>(slot.mOffset + i)] = 1.6f + 0.4f * std::cos(static_cast<float>(i + slot.layer));
        }
        const QString adapter = m_folder.filePath(dora ? "our-dora-adapter" : "our-adapter");
        QVERIFY(QDir().mkpath(adapter));
        lora::writePeft(pathOf(adapter), lora::peftConfigOf(job, model.toStdString()), plan.layout.trained.adapters, flat);
        QCOMPARE(lora::verifyPeft(pathOf(adapter), shape, plan.layout.trained.adapters, flat), (dora ? 3 : 2) * plan.layout.trained.adapters.size());

        const QString tokensFile = model + "/tokens.json";
        const QString out = m_folder.filePath(dora ? "peft-dora-logits.safetensors" : "peft-logits.safetensors");
        const QString problem = test::runOracle("model_oracle.py", {"logits", model, adapter, tokensFile, out});
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
        const double d = difference(ourLogits(model, adapter, tokensIn(model)), logitsIn(out));
        QVERIFY2(d <= 1e-4, qPrintable(QString::number(d)));
    }

private:
    static void copyFolder(const QString& from, const QString& to)
    {
        QVERIFY(QDir().mkpath(to));
        for (const QString& name : QDir(from).entryList(QDir::Files))
            QVERIFY(QFile::copy(from + "/" + name, to + "/" + name));
    }

    /// Changes one thing in a config.json.
    static void plant(const QString& path, const QString& fault)
    {
        QFile file(path);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QJsonObject config = QJsonDocument::fromJson(file.readAll()).object();
        file.close();
        QJsonObject rope = config["rope_parameters"].toObject();
        QVERIFY(rope["rope_theta"].toDouble() > 0 && config["rms_norm_eps"].toDouble() > 0);
        if (fault == "theta x 1.01")
            rope["rope_theta"] = 1.01 * rope["rope_theta"].toDouble();
        if (fault == "factor x 1.1")
            rope["factor"] = 1.1 * rope["factor"].toDouble();
        if (fault == "attention factor")
            rope["attention_factor"] = 1.0;
        if (fault == "no scaling")
            rope = {{"rope_type", "default"}, {"rope_theta", rope["rope_theta"]}};
        config["rope_parameters"] = rope;
        if (fault == "eps x 10")
            config["rms_norm_eps"] = 10 * config["rms_norm_eps"].toDouble();
        if (fault == "window + 1")
            config["sliding_window"] = config["sliding_window"].toInt() + 1;
        if (fault == "no window")
            config["sliding_window"] = QJsonValue();
        if (fault == "all layers slide")
            config["max_window_layers"] = 0, config.remove("layer_types");
        if (config.contains(fault))
            config[fault] = 1.01 * config[fault].toDouble();
        if (fault == "positions everywhere")
            config["no_rope_layers"] = QJsonArray{1, 1, 1, 1, 1};
        if (fault == "heads")  // 9 query heads on 3: the same sizes as 3 and 1 of three times the width
            config["num_attention_heads"] = 3, config["num_key_value_heads"] = 1, config["head_dim"] = 24;
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(QJsonDocument(config).toJson());
    }

    QTemporaryDir m_folder;
};

QTEST_GUILESS_MAIN(TestLogitsParity)
#include "tst_logits_parity.moc"
