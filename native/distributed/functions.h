// The group of ranks as JavaScript calls it.
#pragma once
#include "engine/environment.h"

namespace advprop {

/// (rank, size, host, port, generation, name, seconds): waits at most `seconds` for the other ranks, and joins the group.
napi_value joinGroup(Environment& environment, const Arguments& arguments);
/// (): waits for all ranks, and leaves the group.
napi_value leaveGroup(Environment& environment, const Arguments& arguments);
/// (reason): tells the others that this rank has failed.
napi_value failGroup(Environment& environment, const Arguments& arguments);
/// (): throws where the group is known to have failed.
napi_value checkGroup(Environment& environment, const Arguments& arguments);
/// () -> {bytes, seconds, waited}
napi_value groupStats(Environment& environment, const Arguments& arguments);

/// ([tensors of one dtype]) -> number of a sum, which is started.
napi_value startSum(Environment& environment, const Arguments& arguments);
/// (sum, factor): waits, and writes the sums over all ranks times the factor into the tensors.
napi_value finishSum(Environment& environment, const Arguments& arguments);
/// ([tensors of one dtype]): overwrites them with rank 0's.
napi_value broadcastTensors(Environment& environment, const Arguments& arguments);

/// ([leaves], bytes of a bucket) -> number of the buckets.
napi_value makeBuckets(Environment& environment, const Arguments& arguments);
/// (buckets, loss): says that the gradient of this loss is computed next and is the last one of the update.
napi_value followBuckets(Environment& environment, const Arguments& arguments);
/// (buckets): starts the sums that have not begun.
napi_value startBuckets(Environment& environment, const Arguments& arguments);
/// (buckets, factor): waits, and puts the sums times the factor in the leaves' stores.
napi_value finishBuckets(Environment& environment, const Arguments& arguments);
napi_value disposeBuckets(Environment& environment, const Arguments& arguments);

}  // namespace advprop
