// SPDX-License-Identifier: GPL-3.0-or-later
// Limits of containers: trees of control group files as Linux writes them, versions 1 and 2.
#include "engine/base/cgroup.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QTemporaryDir>
#include <QtTest>

using namespace lorikeet;

class TestCgroup : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() { m_root = std::make_unique<QTemporaryDir>(); }
    void nothingThereIsNoLimit();
    void version2LimitOfAnAncestorCounts();
    void version2CacheCountsAsFree();
    void version2MaxIsNoLimit();
    void version1IsRead();
    void version1HugeNumberIsNoLimit();
    void useAboveTheLimitLeavesNothing();
    void garbageIsNoLimit();

private:
    void put(const QString& path, const QByteArray& text)
    {
        const QString whole = m_root->filePath(path);
        QVERIFY(QDir().mkpath(QFileInfo(whole).path()));
        QFile file(whole);
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write(text) == text.size());
    }
    [[nodiscard]] CgroupLimits limits() const { return readCgroupLimits(m_root->path().toStdString()); }

    std::unique_ptr<QTemporaryDir> m_root;
};

void TestCgroup::nothingThereIsNoLimit()
{
    const auto found = limits();
    QVERIFY(!found.memoryBytes && !found.memoryAvailableBytes && !found.processors);
}

void TestCgroup::version2LimitOfAnAncestorCounts()
{
    put("proc/self/cgroup", "0::/user.slice/job.scope\n");
    put("sys/fs/cgroup/user.slice/memory.max", "1000000\n");
    put("sys/fs/cgroup/user.slice/memory.current", "400000\n");
    put("sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
    put("sys/fs/cgroup/user.slice/job.scope/memory.max", "5000000\n");
    put("sys/fs/cgroup/user.slice/job.scope/memory.current", "100000\n");
    put("sys/fs/cgroup/user.slice/job.scope/cpu.max", "150000 100000\n");
    const auto found = limits();
    QVERIFY(found.memoryBytes == 1000000U);
    QVERIFY(found.memoryAvailableBytes == 600000U);
    QVERIFY(found.processors == 1.5);
}

void TestCgroup::version2CacheCountsAsFree()
{
    // Inside a container the group is "/" and its files lie at the mount itself.
    put("proc/self/cgroup", "0::/\n");
    put("sys/fs/cgroup/memory.max", "1000000\n");
    put("sys/fs/cgroup/memory.current", "900000\n");
    put("sys/fs/cgroup/memory.stat", "anon 100000\nfile 800000\ninactive_anon 5\ninactive_file 500000\nactive_file 250000\n");
    QVERIFY(limits().memoryAvailableBytes == 850000U);
}

void TestCgroup::version2MaxIsNoLimit()
{
    put("proc/self/cgroup", "0::/a\n");
    put("sys/fs/cgroup/a/memory.max", "max\n");
    put("sys/fs/cgroup/a/cpu.max", "max 100000\n");
    const auto found = limits();
    QVERIFY(!found.memoryBytes && !found.processors);
}

void TestCgroup::version1IsRead()
{
    put("proc/self/cgroup", "12:cpu,cpuacct:/docker/abc\n11:memory:/docker/abc\n1:name=systemd:/docker/abc\n");
    // The host's path is not visible in the container: only the mount itself is.
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000\n");
    put("sys/fs/cgroup/memory/memory.usage_in_bytes", "500000\n");
    put("sys/fs/cgroup/memory/memory.stat", "cache 300000\ntotal_inactive_file 200000\ntotal_active_file 0\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    const auto found = limits();
    QVERIFY(found.memoryBytes == 2000000U);
    QVERIFY(found.memoryAvailableBytes == 1700000U);
    QVERIFY(found.processors == 2.0);
}

void TestCgroup::version1HugeNumberIsNoLimit()
{
    put("proc/self/cgroup", "11:memory:/\n5:cpu:/\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    const auto found = limits();
    QVERIFY(!found.memoryBytes && !found.processors);
}

void TestCgroup::useAboveTheLimitLeavesNothing()
{
    put("proc/self/cgroup", "0::/\n");
    put("sys/fs/cgroup/memory.max", "1000\n");
    put("sys/fs/cgroup/memory.current", "2000\n");
    QVERIFY(limits().memoryAvailableBytes == 0U);
}

void TestCgroup::garbageIsNoLimit()
{
    put("proc/self/cgroup", "no colon\n:\n::\n0::\n\xff\xfe");
    put("sys/fs/cgroup/memory.max", "-5\n");
    put("sys/fs/cgroup/cpu.max", "100\n");
    const auto found = limits();
    QVERIFY(!found.memoryBytes && !found.processors);
}

QTEST_GUILESS_MAIN(TestCgroup)
#include "tst_cgroup.moc"
