// SPDX-License-Identifier: GPL-3.0-or-later
// With a GPU: every op, and one training step of small models, against the CPU. Without one, skipped with the reason.
#include "engine/model/cuda_device.h"
#include "tests/engine/kernels/cuda/device_checks.h"
#include "tests/engine/model/random_model.h"

#include <QtTest>

using namespace lorikeet;
using namespace lorikeet::test;

class TestCudaDevice : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        const model::CudaDevices here = model::cudaDevices();
        if (here.usable.empty())
            QSKIP(here.reason.c_str());
        m_spec = here.usable.front();
    }
    void opsAgreeWithTheCpu()
    {
        const std::string wrong = opDisagreements(m_spec);
        QVERIFY2(wrong.empty(), wrong.c_str());
    }
    void oneStepAgreesWithTheCpu_data()
    {
        QTest::addColumn<QString>("shape");
        QTest::addColumn<QString>("precision");
        for (const std::string& name : smallShapeNames())
            for (const char* precision : {"fp32", "bf16"})
                QTest::addRow("%s %s", name.c_str(), precision) << QString::fromStdString(name) << QString(precision);
    }
    void oneStepAgreesWithTheCpu()
    {
        QFETCH(QString, shape);
        QFETCH(QString, precision);
        const StepCheck check = checkStep(m_spec, shape.toStdString(), precision.toStdString());
        qInfo("%s", check.describe().c_str());
        QVERIFY(check.agrees());
    }

private:
    DeviceSpec m_spec;
};

QTEST_GUILESS_MAIN(TestCudaDevice)
#include "tst_cuda_device.moc"
