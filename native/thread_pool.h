// A pool of threads kept between calls: starting new ones at every call would cost as much as a few strokes.
#pragma once

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

class ThreadPool {
 public:
  ThreadPool() = default;
  ThreadPool(const ThreadPool&) = delete;
  ~ThreadPool() {
    if (!state_) return;
    if (state_->process == getpid())
      state_->stop();
    else
      state_.release();
  }

  // Call job(0) here and job(1) to job(count - 1) on other threads; returns when all have ended.
  void run(size_t count, const std::function<void(size_t)>& job) {
    if (count <= 1) return job(0);
    // After a fork the other threads exist only in the parent: their objects are leaked, and new ones start.
    if (state_ && state_->process != getpid()) state_.release();
    if (!state_) state_ = std::make_unique<State>();
    state_->run(count, job);
  }

 private:
  struct State {
    const pid_t process = getpid();
    std::mutex mutex;
    std::condition_variable wake;
    uint64_t calls = 0;
    size_t count = 0;
    bool ended = false;
    const std::function<void(size_t)>* job = nullptr;
    std::atomic<size_t> running{0};
    std::vector<std::thread> others;

    void run(size_t wanted, const std::function<void(size_t)>& work) {
      {
        const std::lock_guard<std::mutex> lock(mutex);
        while (others.size() + 1 < wanted) others.emplace_back(&State::serve, this, others.size() + 1, calls);
        job = &work;
        count = wanted;
        running = others.size();
        ++calls;
      }
      wake.notify_all();
      work(0);
      // Jobs end at nearly the same time: going to sleep and waking up would take longer than the wait.
      while (running) std::this_thread::yield();
    }

    void serve(size_t me, uint64_t seen) {
      for (;;) {
        {
          std::unique_lock<std::mutex> lock(mutex);
          wake.wait(lock, [&] { return ended || calls != seen; });
          if (ended) return;
          seen = calls;
        }
        if (me < count) (*job)(me);
        --running;
      }
    }

    void stop() {
      {
        const std::lock_guard<std::mutex> lock(mutex);
        ended = true;
      }
      wake.notify_all();
      for (auto& thread : others) thread.join();
    }
  };

  std::unique_ptr<State> state_;
};
