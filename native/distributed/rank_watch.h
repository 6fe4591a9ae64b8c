// Who of a group is alive. A rank that waits for another cannot tell a slow one from a dead one by the connection alone: a
// stopped process keeps it open. So each rank gives a sign of life every second through a store that rank 0 holds.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace advprop {

using Clock = std::chrono::steady_clock;

/// What the watch asks of a store, so that this file needs no header of libtorch.
struct WatchStore {
  /// Adds to a counter, 0 where it is new, and returns it.
  std::function<int64_t(const std::string& key, int64_t value)> add;
  /// The value of a key, empty where it is not set.
  std::function<std::string(const std::string& key)> find;
  /// Sets a key that is not set yet.
  std::function<void(const std::string& key, const std::string& value)> setOnce;
};

/// Gives signs of life, and decides that the group failed. Rank 0 judges by the signs of the others, and the others by whether
/// rank 0's store answers: so many ranks ask little of it. One thread uses the store.
class RankWatch {
 public:
  /// A rank without a sign of life for so long has failed: rank 0's judgement of the others, and then theirs of rank 0, which
  /// must come later, so that they hear its verdict first.
  static constexpr std::chrono::seconds kSilence{12}, kStoreSilence{15};
  /// The same where a connection broke: somebody has certainly gone.
  static constexpr std::chrono::seconds kSuspectSilence{3};

  /// @param names what each rank is called in messages
  RankWatch(int rank, std::vector<std::string> names, std::shared_ptr<WatchStore> store);
  ~RankWatch();

  /// Waits until a condition holds, which is checked again after each `wake` and each pause. Throws a RankError where the group has failed or fails
  /// meanwhile, also where nothing happened for `limit`.
  void await(const std::function<bool()>& holds, const char* what, std::chrono::seconds limit, std::chrono::microseconds pause = std::chrono::seconds(1));
  void wake();
  /// Throws where the group is known to have failed.
  void check();

  /// Waits for the verdict on whoever broke a connection, and throws it; where there is none, what the connection said.
  [[noreturn]] void explain(const std::string& broken);
  /// Tells the others that this rank has failed, and why; waits for five seconds at most.
  void announce(const std::string& reason);
  /// The group ends as it should: from now on nobody is judged. Waits for a second at most until the store is let go.
  void release();

 private:
  /// What the thread and its owner share: the thread may hang in the store for ever, and then outlives the owner.
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool ended = false, finished = false, suspected = false, announced = false;
    std::string verdict, announcement;
    Clock::time_point answered = Clock::now();
  };
  static void run(const std::shared_ptr<State>& state, const std::shared_ptr<WatchStore>& store, int rank, const std::vector<std::string>& names);
  void throwVerdict(std::unique_lock<std::mutex>& lock);
  void judgeStore(std::unique_lock<std::mutex>& lock);

  const int rank_;
  const std::vector<std::string> names_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace advprop
