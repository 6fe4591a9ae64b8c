// c10d's ProcessGroupGloo.hpp names types of Gloo, whose headers libtorch from PyPI does not bring, while the library itself holds
// Gloo. Nothing of ours calls Gloo or makes an object of these types: c10d's own functions do, which are compiled with the real headers, so
// that these need no more than the names, and the functions that the header's inline code overrides or calls.
#pragma once
#include <chrono>
#include <string>
#include <vector>

namespace gloo {
namespace rendezvous {

class Store {
 public:
  virtual ~Store();
  virtual void set(const std::string& key, const std::vector<char>& data) = 0;
  virtual std::vector<char> get(const std::string& key) = 0;
  virtual void wait(const std::vector<std::string>& keys) = 0;
  virtual void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& timeout) = 0;
};

}  // namespace rendezvous
}  // namespace gloo
