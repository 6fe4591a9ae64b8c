#include "rank_watch.h"

#include "engine/errors.h"

namespace advprop {

namespace {

constexpr std::chrono::milliseconds kBeat{1000}, kPublishing{5000};
const char* const kVerdict = "verdict";
const char* const kSuspicion = "suspicion";
const char* const kHeard = "heard";

std::string beatOf(size_t rank) { return "beat/" + std::to_string(rank); }

/// The signs of life of the other ranks, as rank 0 sees them.
class Judge {
 public:
  explicit Judge(size_t size) : beats_(size, -1), seen_(size, Clock::now()) {}

  /// The ranks that were silent for too long, as a sentence; empty where there is none.
  std::string silent(WatchStore& store, const std::vector<std::string>& names, std::chrono::seconds limit) {
    std::string who;
    size_t count = 0;
    for (size_t rank = 1; rank < beats_.size(); ++rank) {
      const int64_t beat = store.add(beatOf(rank), 0);
      const auto now = Clock::now();
      if (beat != beats_[rank]) {
        beats_[rank] = beat;
        seen_[rank] = now;
      } else if (now - seen_[rank] > limit) {
        who += (count++ == 0 ? "" : ", ") + names[rank];
      }
    }
    if (count == 0) return "";
    return who + (count == 1 ? " has" : " have") + " given no sign of life for " + std::to_string(limit.count()) + " s: killed, stopped or cut off";
  }

 private:
  std::vector<int64_t> beats_;
  std::vector<Clock::time_point> seen_;
};

}  // namespace

RankWatch::RankWatch(int rank, std::vector<std::string> names, std::shared_ptr<WatchStore> store) : rank_(rank), names_(std::move(names)) {
  std::thread([state = state_, store = std::move(store), rank, names = names_]() mutable {
    run(state, store, rank, names);
    store.reset();
    std::unique_lock<std::mutex> lock(state->mutex);
    state->finished = true;
    state->changed.notify_all();
  }).detach();
}

RankWatch::~RankWatch() { release(); }

void RankWatch::run(const std::shared_ptr<State>& state, const std::shared_ptr<WatchStore>& store, int rank, const std::vector<std::string>& names) {
  Judge judge(names.size());
  try {
    while (true) {
      std::string announcement;
      bool suspected;
      {
        std::unique_lock<std::mutex> lock(state->mutex);
        if (state->ended || !state->verdict.empty()) return;
        announcement = state->announcement;
        suspected = state->suspected;
      }
      if (!announcement.empty()) store->setOnce(kVerdict, announcement);
      if (suspected) store->add(kSuspicion, 1);
      store->add(beatOf(rank), 1);
      std::string verdict = store->find(kVerdict);
      if (verdict.empty() && rank == 0) {
        const bool broken = store->add(kSuspicion, 0) > 0;
        verdict = judge.silent(*store, names, broken ? kSuspectSilence : kSilence);
        if (!verdict.empty()) store->setOnce(kVerdict, verdict);
      }
      // The store ends with rank 0, so it waits until the others have had time to read the verdict.
      if (!verdict.empty() && rank != 0) store->add(kHeard, 1);
      for (int i = 0; i < 25 && !verdict.empty() && rank == 0 && store->add(kHeard, 0) + 1 < static_cast<int64_t>(names.size()); ++i) {
        std::this_thread::sleep_for(kBeat / 10);
      }
      std::unique_lock<std::mutex> lock(state->mutex);
      state->answered = Clock::now();
      state->announced = !announcement.empty();
      if (!verdict.empty()) state->verdict = verdict;
      state->changed.notify_all();
      state->changed.wait_for(lock, kBeat, [&] { return state->ended || state->suspected != suspected || state->announcement != announcement; });
    }
  } catch (const std::exception&) {
    // The store does not answer: rank 0 is gone.
    std::unique_lock<std::mutex> lock(state->mutex);
    if (!state->ended && state->verdict.empty()) state->verdict = names[0] + ", which holds the group together, is gone: killed or cut off";
    state->changed.notify_all();
  }
}

void RankWatch::throwVerdict(std::unique_lock<std::mutex>&) {
  if (!state_->verdict.empty()) throw RunFailure("ERR_RANK", state_->verdict);
}

void RankWatch::judgeStore(std::unique_lock<std::mutex>&) {
  if (state_->ended || !state_->verdict.empty() || Clock::now() - state_->answered < kStoreSilence) return;
  state_->verdict = names_[0] + ", which holds the group together, has not answered for " + std::to_string(kStoreSilence.count()) + " s: stopped or cut off";
}

void RankWatch::await(const std::function<bool()>& holds, const char* what, std::chrono::seconds limit, std::chrono::microseconds pause) {
  const auto end = Clock::now() + limit;
  std::unique_lock<std::mutex> lock(state_->mutex);
  while (!holds()) {
    judgeStore(lock);
    throwVerdict(lock);
    if (Clock::now() > end) {
      state_->verdict = std::string("the other ranks have not come to ") + what + " within " + std::to_string(limit.count()) + " s, though all of them are alive";
    }
    state_->changed.wait_for(lock, pause);
  }
}

void RankWatch::wake() {
  std::unique_lock<std::mutex> lock(state_->mutex);
  state_->changed.notify_all();
}

void RankWatch::check() {
  std::unique_lock<std::mutex> lock(state_->mutex);
  judgeStore(lock);
  throwVerdict(lock);
}

void RankWatch::explain(const std::string& broken) {
  std::unique_lock<std::mutex> lock(state_->mutex);
  state_->suspected = true;
  state_->changed.notify_all();
  const auto end = Clock::now() + kStoreSilence;
  while (state_->verdict.empty() && Clock::now() < end) {
    state_->changed.wait_for(lock, std::chrono::milliseconds(100));
    judgeStore(lock);
  }
  if (state_->verdict.empty()) state_->verdict = "a connection between ranks broke, and all of them are alive: " + broken;
  throw RunFailure("ERR_RANK", state_->verdict);
}

void RankWatch::announce(const std::string& reason) {
  std::unique_lock<std::mutex> lock(state_->mutex);
  if (state_->ended || !state_->verdict.empty()) return;
  state_->announcement = names_[rank_] + " failed: " + reason;
  state_->changed.notify_all();
  state_->changed.wait_for(lock, kPublishing, [&] { return state_->announced; });
}

void RankWatch::release() {
  std::unique_lock<std::mutex> lock(state_->mutex);
  state_->ended = true;
  state_->changed.notify_all();
  state_->changed.wait_for(lock, std::chrono::seconds(1), [&] { return state_->finished; });
}

}  // namespace advprop
