#include "functions.h"

#include <map>

#include "gradient_buckets.h"
#include "process_group.h"

namespace advprop {

namespace {

/// Objects that JavaScript refers to by number. Never destroyed, like the group.
template <typename T>
class Numbered {
 public:
  int64_t add(T value) {
    things_.emplace(++last_, std::move(value));
    return last_;
  }
  T& at(Environment& environment, napi_value number, const char* what) {
    const auto found = things_.find(toInteger(environment, number, what));
    if (found == things_.end()) throw UserError("ERR_ARGUMENT", std::string(what) + " is not known");
    return found->second;
  }
  void remove(Environment& environment, napi_value number, const char* what) { things_.erase(toInteger(environment, number, what)); }

 private:
  std::map<int64_t, T> things_;
  int64_t last_ = 0;
};

struct ListSum {
  std::vector<at::Tensor> tensors;
  Flat flat;
  std::shared_ptr<PendingSum> sum;
};

auto& sums() {
  static auto& all = *new Numbered<ListSum>();
  return all;
}

auto& buckets() {
  static auto& all = *new Numbered<std::unique_ptr<GradientBuckets>>();
  return all;
}

GradientBuckets& bucketsOf(Environment& environment, const Arguments& arguments) { return *buckets().at(environment, arguments[0], "buckets"); }

/// The tensors in one piece of memory.
Flat packed(const std::vector<at::Tensor>& tensors) {
  if (tensors.empty()) throw UserError("ERR_ARGUMENT", "the list of tensors is empty");
  Flat flat = flatFor(tensors);
  for (size_t i = 0; i < tensors.size(); ++i) flat.parts[i].copy_(tensors[i]);
  return flat;
}

void unpack(const std::vector<at::Tensor>& tensors, const Flat& flat) {
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].copy_(flat.parts[i]);
}

std::vector<at::Tensor> toDetached(Environment& environment, napi_value value) {
  std::vector<at::Tensor> tensors;
  for (const at::Tensor& tensor : toTensors(environment, value, "tensors")) tensors.push_back(tensor.detach());
  return tensors;
}

}  // namespace

napi_value joinGroup(Environment& environment, const Arguments& arguments) {
  if (groupOrNull() != nullptr) throw UserError("ERR_RANK", "this process is in a group of ranks already");
  GroupMember member;
  member.rank = static_cast<int>(toInteger(environment, arguments[0], "rank"));
  member.size = static_cast<int>(toInteger(environment, arguments[1], "size"));
  member.host = toString(environment, arguments[2], "host");
  member.port = static_cast<int>(toInteger(environment, arguments[3], "port"));
  member.generation = toString(environment, arguments[4], "generation");
  member.name = toString(environment, arguments[5], "name");
  member.joinTimeout = std::chrono::seconds(toInteger(environment, arguments[6], "seconds"));
  setCurrentGroup(ProcessGroup::join(member));
  return undefined(environment);
}

napi_value leaveGroup(Environment& environment, const Arguments&) {
  currentGroup().leave();
  setCurrentGroup(nullptr);
  return undefined(environment);
}

napi_value failGroup(Environment& environment, const Arguments& arguments) {
  if (const auto group = groupOrNull()) group->fail(toString(environment, arguments[0], "reason"));
  return undefined(environment);
}

napi_value checkGroup(Environment& environment, const Arguments&) {
  currentGroup().check();
  return undefined(environment);
}

napi_value groupStats(Environment& environment, const Arguments&) {
  const GroupStats stats = currentGroup().stats();
  napi_value object;
  check(environment, napi_create_object(environment.env, &object));
  setProperty(environment, object, "bytes", fromNumber(environment, static_cast<double>(stats.bytes)));
  setProperty(environment, object, "seconds", fromNumber(environment, stats.seconds));
  setProperty(environment, object, "waited", fromNumber(environment, stats.waited));
  return object;
}

napi_value startSum(Environment& environment, const Arguments& arguments) {
  ListSum sum{toDetached(environment, arguments[0]), {}, nullptr};
  sum.flat = packed(sum.tensors);
  sum.sum = currentGroup().startSum(sum.flat.memory);
  return fromNumber(environment, static_cast<double>(sums().add(std::move(sum))));
}

napi_value finishSum(Environment& environment, const Arguments& arguments) {
  ListSum& sum = sums().at(environment, arguments[0], "sum");
  const double factor = toNumber(environment, arguments[1], "factor");
  currentGroup().wait(sum.sum);
  if (factor != 1) sum.flat.memory.mul_(factor);
  unpack(sum.tensors, sum.flat);
  sums().remove(environment, arguments[0], "sum");
  return undefined(environment);
}

napi_value broadcastTensors(Environment& environment, const Arguments& arguments) {
  const std::vector<at::Tensor> tensors = toDetached(environment, arguments[0]);
  const Flat flat = packed(tensors);
  currentGroup().broadcast(flat.memory);
  unpack(tensors, flat);
  return undefined(environment);
}

napi_value makeBuckets(Environment& environment, const Arguments& arguments) {
  auto leaves = toTensors(environment, arguments[0], "leaves");
  if (leaves.empty()) throw UserError("ERR_ARGUMENT", "the list of leaves is empty");
  const int64_t bytes = toInteger(environment, arguments[1], "bytes");
  return fromNumber(environment, static_cast<double>(buckets().add(std::make_unique<GradientBuckets>(std::move(leaves), bytes))));
}

napi_value followBuckets(Environment& environment, const Arguments& arguments) {
  bucketsOf(environment, arguments).follow(toTensor(environment, arguments[1], "loss"));
  return undefined(environment);
}

napi_value startBuckets(Environment& environment, const Arguments& arguments) {
  bucketsOf(environment, arguments).start();
  return undefined(environment);
}

napi_value finishBuckets(Environment& environment, const Arguments& arguments) {
  bucketsOf(environment, arguments).finish(toNumber(environment, arguments[1], "factor"));
  return undefined(environment);
}

napi_value disposeBuckets(Environment& environment, const Arguments& arguments) {
  buckets().remove(environment, arguments[0], "buckets");
  return undefined(environment);
}

}  // namespace advprop
