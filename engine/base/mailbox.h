// SPDX-License-Identifier: GPL-3.0-or-later
// The engine's side of talking to a window: a lossless queue, or a keep-latest slot, with at most one wake-up pending.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace lorikeet {

/// Lossless queue from one or more producers to one consumer. push() never waits for the consumer: it appends under a mutex
/// and calls `wake` only when no wake-up is pending; take() hands over everything and re-arms the wake-up.
template <typename T>
class Mailbox {
public:
    /// `wake` is called on the producer's thread, outside the lock; it should post an event and return.
    explicit Mailbox(std::function<void()> wake = {}) : m_wake(std::move(wake)) {}

    /// Several values are taken together or not at all.
    template <typename... More>
    void push(T value, More&&... more)
    {
        bool mustWake = false;
        {
            const std::lock_guard lock(m_mutex);
            m_items.push_back(std::move(value));
            (m_items.push_back(std::forward<More>(more)), ...);
            mustWake = !std::exchange(m_wakePending, true);
        }
        if (mustWake && m_wake)
            m_wake();
    }

    [[nodiscard]] std::vector<T> take()
    {
        const std::lock_guard lock(m_mutex);
        m_wakePending = false;
        return std::exchange(m_items, {});
    }

private:
    std::mutex m_mutex;
    std::vector<T> m_items;
    bool m_wakePending = false;
    std::function<void()> m_wake;
};

/// Keep-latest slot: a newer value replaces an unread older one.
template <typename T>
class LatestSlot {
public:
    void set(T value)
    {
        const std::lock_guard lock(m_mutex);
        m_value = std::move(value);
    }
    [[nodiscard]] std::optional<T> take()
    {
        const std::lock_guard lock(m_mutex);
        return std::exchange(m_value, std::nullopt);
    }

private:
    std::mutex m_mutex;
    std::optional<T> m_value;
};

}  // namespace lorikeet
