// SPDX-License-Identifier: GPL-3.0-or-later
// The lines of the budget: every formula, read as arithmetic, gives the bytes of its line; the lines add up on the device and on the host.
#include "engine/spec/job_fields.h"
#include "tests/engine/plan/plan_cases.h"

#include <QtTest>

#include <cctype>
#include <optional>

using namespace lorikeet;
using namespace lorikeet::test;

namespace {

/// Value of "30 layers x 1,024 tokens x (576 + 2 x 1,536) x 2 B" and of "1,000 B - 900 B"; nothing when it is no such expression.
class Arithmetic {
public:
    explicit Arithmetic(std::string text) : m_text(std::move(text)) {}

    std::optional<std::uint64_t> value()
    {
        const std::uint64_t result = sum();
        return m_sound && m_at == m_text.size() ? std::optional(result) : std::nullopt;
    }

private:
    void skipBlanks()
    {
        while (m_at < m_text.size() && m_text[m_at] == ' ')
            ++m_at;
    }
    bool take(char wanted)
    {
        skipBlanks();
        if (m_at >= m_text.size() || m_text[m_at] != wanted)
            return false;
        ++m_at;
        return true;
    }
    /// Words (a unit, "layers") but not the lonely "x" of a product.
    void skipWords()
    {
        for (;;) {
            skipBlanks();
            std::size_t end = m_at;
            while (end < m_text.size() && std::isalpha(static_cast<unsigned char>(m_text[end])))
                ++end;
            if (end == m_at || (end - m_at == 1 && m_text[m_at] == 'x'))
                return;
            m_at = end;
        }
    }
    std::uint64_t factor()
    {
        if (take('(')) {
            const std::uint64_t inner = sum();
            m_sound = m_sound && take(')');
            skipWords();
            return inner;
        }
        skipBlanks();
        std::uint64_t number = 0;
        bool any = false;
        for (; m_at < m_text.size() && (std::isdigit(static_cast<unsigned char>(m_text[m_at])) || m_text[m_at] == ','); ++m_at) {
            if (m_text[m_at] != ',')
                number = number * 10 + static_cast<std::uint64_t>(m_text[m_at] - '0');
            any = true;
        }
        m_sound = m_sound && any;
        skipWords();
        return number;
    }
    std::uint64_t product()
    {
        std::uint64_t result = factor();
        while (m_sound && take('x'))
            result *= factor();
        return result;
    }
    std::uint64_t sum()
    {
        std::uint64_t result = product();
        while (m_sound) {
            if (take('+'))
                result += product();
            else if (take('-'))
                result -= product();
            else
                break;
        }
        return result;
    }

    std::string m_text;
    std::size_t m_at = 0;
    bool m_sound = true;
};

QString problemOf(const std::vector<plan::Term>& terms, std::uint64_t total)
{
    std::uint64_t added = 0;
    for (const plan::Term& term : terms) {
        added += term.bytes;
        const QString name = QString::fromStdString(term.name + ": " + term.formula);
        const auto value = Arithmetic(term.formula).value();
        if (!value)
            return name + " is no arithmetic";
        if (*value != term.bytes)
            return name + QStringLiteral(" gives %1, not %2").arg(*value).arg(term.bytes);
        if (term.sentence.empty() || term.sentence.back() != '.')
            return name + " has no sentence";
        if (term.lowBytes > term.bytes || term.highBytes < term.bytes || (!term.estimate && term.lowBytes != term.highBytes))
            return name + " has a wrong spread";
    }
    return added == total ? QString() : QStringLiteral("terms add up to %1, not %2").arg(added).arg(total);
}

Job randomJob(Dice& dice, const ModelShape& shape)
{
    Job job;
    JobRecipe& r = job.recipe;
    r.context = dice(8, 700);
    r.microBatch = dice(1, 4);
    r.lossChunk = dice(1, 600);
    r.rank = dice(1, 64);
    r.precision = dice.coin() ? "fp32" : "bf16";
    r.dropout = dice.coin() ? 0.1 : 0;
    r.targets = dice.coin() ? std::vector<std::string>{"all"} : std::vector<std::string>{"q", "down"};
    const std::int64_t cut = dice(0, shape.layers - 1);
    r.recompute = "0-" + std::to_string(cut) + ":" + std::to_string(dice(0, 3));
    if (cut + 1 < shape.layers)
        r.recompute += "," + std::to_string(cut + 1) + "-" + std::to_string(shape.layers - 1) + ":" + std::to_string(dice(0, 3));
    r.method = dice(0, 3) == 0 ? "full" : "lora";
    r.dora = r.method == "lora" && r.dropout == 0;
    r.quantization = r.method == "full" ? "none" : std::array{"none", "nf4", "int8"}[static_cast<std::size_t>(dice(0, 2))];
    r.doubleQuantization = dice.coin();
    r.optimizer = std::array{"adamw", "adamw_8bit", "sgd", "lion"}[static_cast<std::size_t>(dice(0, 3))];
    for (const char* word : {"embeddings", "head", "norms"})
        if (dice(0, 3) == 0)
            r.alsoTrain.emplace_back(word);
    job.data.validationFraction = dice.coin() ? 0.1 : 0;
    job.run.samplePrompt = dice.coin() ? "Why?" : "";
    return job;
}

}  // namespace

class TestTerms : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyFormulaIsArithmeticThatGivesItsBytes()
    {
        Dice dice(11);
        for (int i = 0; i < 300; ++i) {
            ModelShape shape = smallShape(dice, 12);
            Job job = randomJob(dice, shape);
            addTokens(dice, shape, job);
            DeviceSpec device = cardOf(6ull << 30);
            device.totalBytes = 8ull << 30;
            device.contextIsEstimate = dice.coin();
            const plan::KernelCosts costs{.matmulScratchBytes = 12345, .widenBytes = 777, .attentionPoolBytes = dice.coin() ? 4096u : 0u, .attentionWorkspace = true};
            const plan::MemoryPlan plan = plan::plan(shape, job, device, costs);
            QString problem = problemOf(plan.terms, plan.totalBytes());
            if (problem.isEmpty())
                problem = problemOf(plan.hostTerms, plan.hostBytes);
            if (problem.isEmpty())
                problem = problemOf(plan.deductions, device.totalBytes - plan.capacityBytes);
            QVERIFY2(problem.isEmpty(), qPrintable(problem));
        }
    }

    void theArithmeticOfThisTestKnowsWrongFromRight()
    {
        QCOMPARE(*Arithmetic("30 layers x 1,024 tokens x (576 + 2 x 1,536) x 2 B").value(), 30ull * 1024 * (576 + 2 * 1536) * 2);
        QCOMPARE(*Arithmetic("1,000 B - 900 B").value(), 100ull);
        for (const char* text : {"", "arena - live bytes", "3 x", "(3", "3 4", "upper bound"})
            QVERIFY2(!Arithmetic(text).value(), text);
    }

    void aFormulaSpeaksOfLayersAndTokens()
    {
        Job job;
        job.recipe.context = 2048;
        job.recipe.microBatch = 2;
        job.recipe.recompute = "2";
        const plan::MemoryPlan plan = plan::plan(llama8b(), job, cardOf(1ull << 40), noCosts(job));
        const auto formulaOf = [&](const char* name) {
            for (const plan::Term& term : plan.terms)
                if (term.name == name)
                    return QString::fromStdString(term.formula);
            return QString();
        };
        // Attention's output and the middle of the residual, 4,096 wide each, and 32 row statistics in fp32.
        QCOMPARE(formulaOf("kept for backward"), "32 layers x 4,096 tokens x 2 x 4,096 x 2 B + 32 layers x 4,096 tokens x 32 x 4 B");
        // The input of every layer and the output of the last.
        QVERIFY2(formulaOf("residual stream").endsWith(" x 4,096 tokens x 4,096 x 2 B"), qPrintable(formulaOf("residual stream")));
        // The inputs and outputs of q, k, v, o, gate, up and down.
        QCOMPARE(formulaOf("gradient of the adapter"), "32 layers x 16 rank x (8,192 + 5,120 + 5,120 + 8,192 + 18,432 + 18,432 + 18,432) x 4 B");
    }

    void linesSayWhatIsLeftInThem_data()
    {
        QTest::addColumn<QStringList>("fields");
        QTest::addColumn<bool>("tied");
        QTest::addColumn<QString>("line");
        QTest::addColumn<QString>("sentence");
        const auto row = [](const char* name, const QStringList& fields, bool tied, const char* line, const char* sentence) {
            QTest::addRow("%s", name) << fields << tied << QString::fromUtf8(line) << QString::fromUtf8(sentence);
        };
        const QString embeddings("recipe.also_train=embeddings");
        const QString head("recipe.also_train=head");
        const QString norms("recipe.also_train=norms");
        const QString nf4("recipe.quantization=nf4");
        const QString offload("recipe.offload_layers=30");
        row("tables", {}, false, "embedding and head", "The embedding table, the output head and the last norm.");
        row("one table", {}, true, "embedding and head", "The embedding table, which is the output head too, and the last norm.");
        row("embedding on the host", {"recipe.offload_embedding=true"}, false, "output head", "The output head and the last norm; the embedding table lies in host memory.");
        row("head trained, embedding on the host", {"recipe.offload_embedding=true", head}, false, "last norm",
            "The last norm; the embedding table lies in host memory; the output head is trained and counted with the adapter.");
        row("embedding trained", {embeddings}, false, "output head", "The output head and the last norm; the embedding table is trained and counted with the adapter.");
        row("head trained", {head}, false, "embedding table", "The embedding table and the last norm; the output head is trained and counted with the adapter.");
        row("one table trained", {head}, true, "last norm", "The last norm; the embedding table is trained and counted with the adapter.");
        row("norms trained", {norms}, false, "embedding and head", "The embedding table and the output head; the last norm is trained and counted with the adapter.");
        row("layers", {}, false, "weights of the layers", "The frozen matrices and norms of all layers in the job's precision.");
        row("layers without norms", {norms}, false, "weights of the layers",
            "The frozen matrices of all layers in the job's precision; the norms are trained and counted with the adapter.");
        row("some layers on the host", {offload}, false, "weights of the layers", "The frozen matrices and norms of the 2 layers that stay on the device in the job's precision.");
        row("quantised layers", {nf4}, false, "unquantised parts of the layers", "The frozen norms of all layers in the job's precision; the matrices are quantised.");
        row("codes of 4 bits", {nf4}, false, "quantised weights of the layers", "The frozen matrices of all layers as codes of 4 bits (NF4).");
        row("codes of 8 bits", {"recipe.quantization=int8"}, false, "quantised weights of the layers", "The frozen matrices of all layers as codes of 8 bits.");
        row("some codes on the host", {nf4, "recipe.offload_layers=31"}, false, "quantised weights of the layers",
            "The frozen matrices of the one layer that stays on the device as codes of 4 bits (NF4).");
        row("two visitors", {offload}, false, "visiting layers", "Room for two of the offloaded layers: one in use, one on its way.");
        row("one visitor", {"recipe.offload_layers=1"}, false, "visiting layers", "Room for the offloaded layer when it is its turn.");
        row("scales", {nf4}, false, "quantisation scales", "What the codes are multiplied by: one number for each block of 64 of them, itself a code of 8 bits with scales of its own.");
        row("plain scales", {nf4, "recipe.double_quantization=false"}, false, "quantisation scales",
            "What the codes are multiplied by: one number for each block of 64 of them, in fp32.");
        row("scales of rows", {"recipe.quantization=int8"}, false, "quantisation scales", "What the codes are multiplied by: one fp32 number for each row of a matrix.");
        row("adapter", {}, false, "adapter", "The LoRA matrices A and B, being trained, in fp32.");
        row("magnitudes", {"recipe.dora=true"}, false, "adapter", "The LoRA matrices A and B and the magnitudes (DoRA), being trained, in fp32.");
        row("trained whole", {"recipe.also_train=[\"embeddings\",\"head\",\"norms\"]"}, false, "adapter and what is trained whole",
            "The adapter, and beside it the embedding table, the output head and the norms of the model, trained whole, as the products read them.");
        row("its gradient", {embeddings}, true, "gradient of adapter and what is trained whole",
            "One fp32 number for each parameter of the adapter and of what is trained whole: the embedding table (the output head too).");
        row("all of it", {"recipe.method=full", "recipe.learning_rate=1e-5"}, false, "weights of the model",
            "Every parameter of the model in the job's precision; all of them are trained.");
    }
    void linesSayWhatIsLeftInThem()
    {
        QFETCH(QStringList, fields);
        QFETCH(bool, tied);
        QFETCH(QString, line);
        QFETCH(QString, sentence);
        ModelShape shape = llama8b();
        shape.tiedHead = tied;
        Job job;
        job.recipe.precision = "bf16";
        for (const QString& field : fields) {
            const std::string text = field.toStdString();
            setJobField(job, std::string_view(text).substr(0, text.find('=')), std::string_view(text).substr(text.find('=') + 1));
        }
        const plan::MemoryPlan plan = plan::plan(shape, job, cardOf(1ull << 40), noCosts(job));
        const auto term = std::ranges::find(plan.terms, line.toStdString(), &plan::Term::name);
        QVERIFY2(term != plan.terms.end(), qPrintable(line));
        QCOMPARE(QString::fromStdString(term->sentence), sentence);
        // Every buffer of the peak is found under a line that is there.
        for (const plan::Buffer& buffer : plan.buffers)
            if (buffer.space == plan::Space::Device && buffer.first <= plan.peakPoint && plan.peakPoint <= buffer.last)
                QVERIFY2(std::ranges::find(plan.terms, buffer.term, &plan::Term::name) != plan.terms.end(), buffer.name.c_str());
    }

    void normsThatStayBehindDoNotBringTheirLayersBack()
    {
        ModelShape shape = llama8b();
        shape.family = "gemma2";
        shape.normsPerLayer = 4;
        Job job;
        job.recipe.offloadLayers = 30;
        const plan::MemoryPlan plan = plan::plan(shape, job, cardOf(1ull << 40), noCosts(job));
        const auto term = std::ranges::find(plan.terms, "weights of the layers", &plan::Term::name);
        QVERIFY(term != plan.terms.end());
        QCOMPARE(QString::fromStdString(term->sentence), "The frozen matrices and norms of the 2 layers that stay on the device in the job's precision.");
    }

    void biasesAreNamedWhereTheModelHasThem()
    {
        ModelShape shape = llama8b();
        shape.qkvBias = true;
        Job job;
        job.recipe.quantization = "nf4";
        const auto sentenceOf = [&](const char* line) {
            const plan::MemoryPlan plan = plan::plan(shape, job, cardOf(1ull << 40), noCosts(job));
            const auto term = std::ranges::find(plan.terms, line, &plan::Term::name);
            return term == plan.terms.end() ? QString() : QString::fromStdString(term->sentence);
        };
        QCOMPARE(sentenceOf("unquantised parts of the layers"), "The frozen biases and norms of all layers in the job's precision; the matrices are quantised.");
        job.recipe.alsoTrain = {"norms"};
        QCOMPARE(sentenceOf("unquantised parts of the layers"),
                 "The frozen biases of all layers in the job's precision; the matrices are quantised; the norms are trained and counted with the adapter.");
    }

    void whatHoldsNoTokensNeverCountsThem()
    {
        // Keys and values are 1,024 wide and attention 4,096: as many as there are tokens.
        for (const std::int64_t microBatch : {2, 8}) {
            Job job;
            job.recipe.context = 512;
            job.recipe.microBatch = microBatch;
            job.recipe.lossChunk = 4096;
            job.recipe.method = microBatch == 2 ? "lora" : "full";
            for (const plan::Term& term : plan::plan(llama8b(), job, cardOf(1ull << 40), noCosts(job)).terms)
                if (term.category != plan::Category::Activations && term.category != plan::Category::Buffers)
                    for (const char* word : {"tokens", "rows", "positions"})
                        QVERIFY2(term.formula.find(word) == std::string::npos, term.formula.c_str());
        }
    }

    void theVerdictIsAboutTheCapacityThatIsLeft()
    {
        DeviceSpec device = cardOf(6ull << 30);
        device.totalBytes = 8ull << 30;
        const plan::MemoryPlan catalogue = plan::plan(llama8b(), Job{}, device, noCosts({}));
        QCOMPARE(catalogue.capacityBytes, 6ull << 30);
        QCOMPARE(catalogue.deductions.size(), 1u);
        QVERIFY(catalogue.deductions.front().estimate);
        device.kind = DeviceSpec::Kind::Cuda;
        const plan::MemoryPlan here = plan::plan(llama8b(), Job{}, device, noCosts({}));
        QCOMPARE(here.deductions.size(), 1u);
        QVERIFY(!here.deductions.front().estimate);
        QVERIFY(here.deductions.front().name != catalogue.deductions.front().name);
    }
};

QTEST_GUILESS_MAIN(TestTerms)
#include "tst_terms.moc"
