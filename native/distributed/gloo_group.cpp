// The process group by c10d: rank 0's TCPStore, through which the ranks meet, and connections between all of them. Tensors on the CPU
// are summed by Gloo. Tensors on a GPU are summed there by NCCL where the engine has it, else copied to the CPU and back.
#ifdef ADVPROP_GLOO
#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <future>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "engine/errors.h"
#include "nccl_group.h"
#include "process_group.h"
#include "rank_watch.h"

namespace advprop {

namespace {

using StorePtr = c10::intrusive_ptr<c10d::Store>;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Limit for a wait on ranks that are alive. They may do something else for a while, such as writing a checkpoint.
constexpr seconds kMostPatience{600};

std::vector<uint8_t> bytesOf(const std::string& text) { return {text.begin(), text.end()}; }
std::string textOf(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }
std::string nameOf(int rank) { return "name/" + std::to_string(rank); }

/// A connection to the store. In rank 0 with `serves` this also starts the store.
StorePtr openStore(const GroupMember& member, bool serves, milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(member.port);
  options.isServer = serves;
  options.waitWorkers = false;
  options.timeout = timeout;
  const auto store = c10::make_intrusive<c10d::TCPStore>(member.host, options);
  return c10::make_intrusive<c10d::PrefixStore>("advprop/" + member.generation, store);
}

std::string addressOf(const GroupMember& member) { return member.host + ":" + std::to_string(member.port); }

/// libtorch's message without its stack trace.
std::string firstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

StorePtr meet(const GroupMember& member) {
  try {
    return openStore(member, member.rank == 0, member.joinTimeout);
  } catch (const std::exception& error) {
    if (member.rank == 0) {
      throw RunFailure("ERR_RANK", "rank 0 cannot open its store on port " + std::to_string(member.port) + ": " + firstLine(error.what()) +
                                       ". Give the port that no other program uses in MASTER_PORT, or under torchrun in ADVPROP_PORT");
    }
    throw RunFailure("ERR_RANK", "rank 0 did not answer at " + addressOf(member) + " within " + std::to_string(member.joinTimeout.count()) +
                                     " s: " + firstLine(error.what()) + ". Look whether it was started, and whether MASTER_ADDR and the port are its own");
  }
}

/// Waits until all ranks have written their names to the store. Rank 0 waits longest, because the store ends with it.
std::vector<std::string> namesOfAll(c10d::Store& store, const GroupMember& member) {
  if (store.add("taken/" + std::to_string(member.rank), 1) > 1) {
    throw RunFailure("ERR_RANK", "another process of this group is rank " + std::to_string(member.rank) + " already. Give each process a RANK of its own");
  }
  store.set(nameOf(member.rank), bytesOf(member.name));
  const auto end = Clock::now() + member.joinTimeout + seconds(member.rank == 0 ? 2 : 0);
  const auto isThere = [&](int rank) { return store.check({nameOf(rank)}); };
  for (int rank = 0; rank < member.size; ++rank) {
    while (!isThere(rank)) {
      if (Clock::now() > end) {
        std::string missing;
        for (int other = rank; other < member.size; ++other) {
          if (!isThere(other)) missing += (missing.empty() ? "" : ", ") + std::to_string(other);
        }
        throw RunFailure("ERR_RANK", "of " + std::to_string(member.size) + " ranks these have not come within " + std::to_string(member.joinTimeout.count()) +
                                         " s: " + missing + ". Look whether they were started, and what they say");
      }
      std::this_thread::sleep_for(milliseconds(20));
    }
  }
  std::vector<std::string> names;
  for (int rank = 0; rank < member.size; ++rank) names.push_back("rank " + std::to_string(rank) + " (" + textOf(store.get(nameOf(rank))) + ")");
  return names;
}

/// The store for the watch. It has its own connection, so that a missing answer blocks nobody else.
std::shared_ptr<WatchStore> watchStore(StorePtr store) {
  const auto watch = std::make_shared<WatchStore>();
  watch->add = [store](const std::string& key, int64_t value) { return store->add(key, value); };
  watch->find = [store](const std::string& key) { return store->check({key}) ? textOf(store->get(key)) : std::string(); };
  watch->setOnce = [store](const std::string& key, const std::string& value) { store->compareSet(key, {}, bytesOf(value)); };
  return watch;
}

/// This host's address on the route to rank 0; empty if there is no route.
std::string ownAddress(const GroupMember& member) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (getaddrinfo(member.host.c_str(), std::to_string(member.port).c_str(), &hints, &found) != 0) return "";
  std::string address;
  for (const addrinfo* one = found; one != nullptr && address.empty(); one = one->ai_next) {
    const int handle = socket(one->ai_family, SOCK_DGRAM, 0);
    sockaddr_storage own{};
    socklen_t length = sizeof(own);
    char text[NI_MAXHOST];
    // Nothing is sent: connecting a datagram socket only looks up the route.
    if (handle >= 0 && ::connect(handle, one->ai_addr, one->ai_addrlen) == 0 && getsockname(handle, reinterpret_cast<sockaddr*>(&own), &length) == 0 &&
        getnameinfo(reinterpret_cast<sockaddr*>(&own), length, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) == 0) {
      address = text;
    }
    if (handle >= 0) close(handle);
  }
  freeaddrinfo(found);
  return address;
}

auto deviceFor(const GroupMember& member) {
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  if (interface != nullptr && *interface != '\0') return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
  const std::string address = ownAddress(member);
  return address.empty() ? c10d::ProcessGroupGloo::createDefaultDevice() : c10d::ProcessGroupGloo::createDeviceForHostname(address);
}

struct GroupSum : PendingSum {
  c10::intrusive_ptr<c10d::Work> work;
  at::Tensor tensor;  // as it was given
  at::Tensor summed;  // the same tensor, or its copy on the CPU, where Gloo adds
  std::atomic<bool> done{false};
};

double secondsSince(Clock::time_point time) { return std::chrono::duration<double>(Clock::now() - time).count(); }

/// The time in which at least one sum was running.
class BusyTime {
 public:
  void begin() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (underWay_++ == 0) since_ = Clock::now();
  }
  void end() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--underWay_ == 0) seconds_ += secondsSince(since_);
  }
  double seconds() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return seconds_;
  }

 private:
  std::mutex mutex_;
  int underWay_ = 0;
  Clock::time_point since_;
  double seconds_ = 0;
};

class C10dGroup : public ProcessGroup {
 public:
  explicit C10dGroup(const GroupMember& member) : member_(member), store_(meet(member)) {
    leaveAbruptlyAtExit();
    try {
      watch_ = std::make_shared<RankWatch>(member.rank, namesOfAll(*store_, member), watchStore(openStore(member, false, member.joinTimeout)));
      connectAll();
    } catch (const RunFailure&) {
      throw;
    } catch (const std::exception& error) {
      if (watch_ != nullptr) watch_->explain(firstLine(error.what()));
      throw RunFailure("ERR_RANK", "rank 0 at " + addressOf(member) + " has gone before all ranks had come: " + firstLine(error.what()) + ". Look what it says");
    }
  }

  int rank() const override { return member_.rank; }
  int size() const override { return member_.size; }

  std::shared_ptr<PendingSum> startSum(const at::Tensor& tensor) override {
    stats_.bytes += static_cast<int64_t>(tensor.nbytes());
    return begin(
        tensor, [&] { return nccl_->sum(tensor); }, [&](std::vector<at::Tensor>& tensors) { return gloo_->allreduce(tensors); });
  }

  void wait(const std::shared_ptr<PendingSum>& sum) override { finish(*std::static_pointer_cast<GroupSum>(sum), "the same sum"); }

  void broadcast(const at::Tensor& tensor) override {
    const auto copy = begin(
        tensor, [&] { return nccl_->broadcast(tensor); }, [&](std::vector<at::Tensor>& tensors) { return gloo_->broadcast(tensors); });
    finish(*copy, "what rank 0 sends");
  }

  void check() override { watch_->check(); }

  void fail(const std::string& reason) override { watch_->announce(reason); }

  void leave() override {
    sum(at::zeros({1}));
    watch_->release();
    // Rank 0's store must stay until the other ranks have said that they leave. If one does not come, rank 0 leaves without it.
    try {
      store_->add("left", 1);
      const auto end = Clock::now() + seconds(5);
      while (member_.rank == 0 && store_->add("left", 0) < member_.size && Clock::now() < end) std::this_thread::sleep_for(milliseconds(5));
    } catch (const std::exception&) {
      // Rank 0 has stopped waiting for this rank.
    }
    joined_ = false;
    if (nccl_ != nullptr) nccl_->leave();
    gloo_.reset();
    store_.reset();
  }

  GroupStats stats() const override { return {stats_.bytes, busy_->seconds(), stats_.waited}; }

 private:
  /// Connects to all ranks. The constructor of c10d's group does it, and never returns if a rank dies meanwhile, so it has its own thread.
  void connectAll() {
    const auto options = c10d::ProcessGroupGloo::Options::create(kMostPatience);
    options->devices.push_back(deviceFor(member_));
    options->threads = 2;
    struct Made {
      std::atomic<bool> done{false};
      c10::intrusive_ptr<c10d::ProcessGroupGloo> group;
      std::exception_ptr error;
    };
    const auto made = std::make_shared<Made>();
    // It has its own connection to the store, so that its waits do not block this thread's calls.
    const StorePtr store = c10::make_intrusive<c10d::PrefixStore>("gloo", openStore(member_, false, member_.joinTimeout));
    std::thread([made, store, options, watch = watch_, rank = member_.rank, size = member_.size] {
      try {
        made->group = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, options);
      } catch (...) {
        made->error = std::current_exception();
      }
      made->done = true;
      watch->wake();
    }).detach();
    watch_->await([&] { return made->done.load(); }, "the group", member_.joinTimeout);
    if (made->error) std::rethrow_exception(made->error);
    gloo_ = made->group;
  }

  /// Starts `onGpu` with a tensor on a GPU, or `onCpu` with a tensor on the CPU or a copy there.
  template <typename OnGpu, typename OnCpu>
  std::shared_ptr<GroupSum> begin(const at::Tensor& tensor, const OnGpu& onGpu, const OnCpu& onCpu) {
    watch_->check();
    const auto sum = std::make_shared<GroupSum>();
    const bool gpu = NcclGroup::isBuilt() && tensor.device().is_cuda();
    sum->tensor = tensor;
    sum->summed = gpu || tensor.device().is_cpu() ? tensor : tensor.cpu();
    try {
      // Only now: a training on CPUs needs no GPU, also with an engine that could use one.
      if (gpu && nccl_ == nullptr) {
        const StorePtr store = c10::make_intrusive<c10d::PrefixStore>("nccl", openStore(member_, false, member_.joinTimeout));
        nccl_ = NcclGroup::create(store, member_.rank, member_.size);
      }
      std::vector<at::Tensor> tensors{sum->summed};
      sum->work = gpu ? onGpu() : onCpu(tensors);
    } catch (const std::exception& error) {
      watch_->explain(firstLine(error.what()));
    }
    busy_->begin();
    // NCCL's future completes as soon as the work is in the GPU's queue, so `finish` asks the GPU itself.
    if (gpu) return sum;
    sum->work->getFuture()->addCallback([sum, watch = watch_, busy = busy_](auto&) {
      busy->end();
      sum->done = true;
      watch->wake();
    });
    return sum;
  }

  void finish(GroupSum& sum, const char* what) {
    const auto before = Clock::now();
    const bool gpu = sum.summed.device().is_cuda();
    if (gpu) {
      watch_->await([&] { return sum.work->isCompleted(); }, what, kMostPatience, std::chrono::microseconds(100));
      busy_->end();
    } else {
      watch_->await([&] { return sum.done.load(); }, what, kMostPatience);
    }
    stats_.waited += secondsSince(before);
    try {
      sum.work->wait();
    } catch (const std::exception& error) {
      watch_->explain(firstLine(error.what()));
    }
    if (!sum.summed.is_same(sum.tensor)) sum.tensor.copy_(sum.summed);
  }

  /// If the process ends in the middle of a sum, threads are still waiting. What they use must not be destroyed.
  void leaveAbruptlyAtExit() {
    joined_ = true;
    static bool registered = false;
    if (std::exchange(registered, true)) return;
    on_exit(
        [](int status, void*) {
          if (!joined_) return;
          std::fflush(nullptr);
          _exit(status);
        },
        nullptr);
  }

  const GroupMember member_;
  StorePtr store_;
  std::shared_ptr<RankWatch> watch_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo_;
  std::unique_ptr<NcclGroup> nccl_;
  GroupStats stats_;
  const std::shared_ptr<BusyTime> busy_ = std::make_shared<BusyTime>();
  static inline bool joined_ = false;
};

}  // namespace

std::shared_ptr<ProcessGroup> ProcessGroup::join(const GroupMember& member) { return std::make_shared<C10dGroup>(member); }

}  // namespace advprop
#endif
