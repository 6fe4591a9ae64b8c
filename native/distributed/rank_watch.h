// Watches which ranks of a group are alive. The connection alone does not show whether another rank is slow or dead, because a stopped
// process keeps it open. So each rank gives a sign of life every second, through a store in rank 0.
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

/// Gives signs of life, and decides whether the group has failed. Rank 0 looks at the signs of the other ranks. The others only look whether
/// rank 0's store answers, so that many ranks do not load it. Only one thread uses the store.
class RankWatch {
 public:
  /// A rank has failed if it was silent for this long: in rank 0 for the other ranks, and in the others for rank 0. The latter is longer, so
  /// that they can first read rank 0's verdict.
  static constexpr std::chrono::seconds kSilence{12}, kStoreSilence{15};
  /// The same after a connection broke: then a rank has certainly gone.
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

  /// After a connection broke: waits for the verdict and throws it. If there is none, throws the connection's own error.
  [[noreturn]] void explain(const std::string& broken);
  /// Tells the others that this rank has failed, and why; waits for five seconds at most.
  void announce(const std::string& reason);
  /// The group ends normally: from now on no rank is reported. Waits at most a second until the store is no longer used.
  void release();

 private:
  /// Shared by the thread and its owner, because the thread may hang in a call of the store and outlive the owner.
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
