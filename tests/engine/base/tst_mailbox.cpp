// SPDX-License-Identifier: GPL-3.0-or-later
// The mailbox loses nothing, keeps each producer's order and never has two wake-ups pending; the slot keeps the latest.
#include "engine/base/mailbox.h"

#include <QtTest>

#include <atomic>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

using namespace lorikeet;

class TestMailbox : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void takeHandsOverEverythingInOrder();
    void oneWakeUpIsPendingAtMost();
    void wakeUpRunsOutsideTheLock();
    void nothingIsLostBetweenManyProducersAndOneConsumer();
    void consumerDrivenByWakeUpsSeesEverything();
    void slotKeepsTheLatest();
    void slotNeverGoesBackInTime();
    void moveOnlyValuesPass();
};

void TestMailbox::takeHandsOverEverythingInOrder()
{
    Mailbox<int> box;
    QVERIFY(box.take().empty());
    for (int i = 0; i < 5; ++i)
        box.push(i);
    QCOMPARE(box.take(), (std::vector<int>{0, 1, 2, 3, 4}));
    QVERIFY(box.take().empty());
}

void TestMailbox::oneWakeUpIsPendingAtMost()
{
    int wakes = 0;
    Mailbox<int> box([&wakes] { ++wakes; });
    box.push(1);
    box.push(2);
    QCOMPARE(wakes, 1);
    (void)box.take();
    box.push(3);
    box.push(4);
    QCOMPARE(wakes, 2);
    (void)box.take();
    (void)box.take();
    QCOMPARE(wakes, 2);
}

void TestMailbox::wakeUpRunsOutsideTheLock()
{
    std::vector<int> taken;
    Mailbox<int>* boxInWake = nullptr;
    Mailbox<int> box([&] { taken = boxInWake->take(); });  // would hang if push() still held the mutex
    boxInWake = &box;
    box.push(7);
    QCOMPARE(taken, std::vector<int>{7});
}

void TestMailbox::nothingIsLostBetweenManyProducersAndOneConsumer()
{
    constexpr int kProducers = 4;
    constexpr int kEach = 20000;
    Mailbox<std::pair<int, int>> box;
    std::vector<int> next(kProducers, 0);
    int received = 0;
    bool ordered = true;
    {
        std::vector<std::jthread> producers;
        for (int p = 0; p < kProducers; ++p) {
            producers.emplace_back([&box, p] {
                for (int i = 0; i < kEach; ++i)
                    box.push({p, i});
            });
        }
        while (received < kProducers * kEach) {
            for (const auto& [producer, number] : box.take()) {
                ordered = ordered && next[static_cast<std::size_t>(producer)]++ == number;
                ++received;
            }
            std::this_thread::yield();
        }
    }
    QVERIFY(ordered);
    QVERIFY(box.take().empty());
}

void TestMailbox::consumerDrivenByWakeUpsSeesEverything()
{
    // The consumer sleeps until it is woken, as a window does: a lost wake-up would leave items behind and time out.
    constexpr int kItems = 20000;
    std::counting_semaphore<> woken(0);
    std::atomic<int> pending{0};
    std::atomic<int> mostPending{0};
    Mailbox<int> box([&] {
        const int now = pending.fetch_add(1) + 1;
        if (now > mostPending.load())
            mostPending.store(now);
        woken.release();
    });
    std::jthread producer([&box] {
        for (int i = 0; i < kItems; ++i)
            box.push(i);
    });
    int received = 0;
    while (received < kItems) {
        QVERIFY(woken.try_acquire_for(std::chrono::seconds(20)));
        pending.fetch_sub(1);
        received += static_cast<int>(box.take().size());
    }
    QCOMPARE(mostPending.load(), 1);
}

void TestMailbox::slotKeepsTheLatest()
{
    LatestSlot<int> slot;
    QVERIFY(!slot.take());
    slot.set(1);
    slot.set(2);
    QVERIFY(slot.take() == 2);
    QVERIFY(!slot.take());
}

void TestMailbox::slotNeverGoesBackInTime()
{
    constexpr int kLast = 50000;
    LatestSlot<int> slot;
    std::jthread writer([&slot] {
        for (int i = 1; i <= kLast; ++i)
            slot.set(i);
    });
    int last = 0;
    while (last < kLast) {
        if (const auto value = slot.take()) {
            QVERIFY(*value > last);
            last = *value;
        }
    }
}

void TestMailbox::moveOnlyValuesPass()
{
    Mailbox<std::unique_ptr<int>> box;
    box.push(std::make_unique<int>(3));
    const auto items = box.take();
    QCOMPARE(static_cast<int>(items.size()), 1);
    QCOMPARE(*items.front(), 3);
}

QTEST_GUILESS_MAIN(TestMailbox)
#include "tst_mailbox.moc"
