// Errors that reach JavaScript with a stable code.
#pragma once
#include <exception>
#include <stdexcept>
#include <string>

namespace advprop {

class UserError : public std::runtime_error {
 public:
  UserError(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

/// An error that ends a run without a mistake in a call: another process is gone, or memory does not suffice.
class RunFailure : public UserError {
 public:
  using UserError::UserError;
};

/// A JavaScript exception is already pending; unwind to the boundary and let it through.
struct PendingException : std::exception {
  const char* what() const noexcept override { return "a JavaScript exception is pending"; }
};

}  // namespace advprop
