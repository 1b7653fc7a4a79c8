// Keeps a C library from writing to this process's standard streams.

#pragma once

#include <cstdio>
#include <mutex>
#include <tuple>
#include <utility>

// libmypaint prints "Time is running backwards!" to stdout when rounding makes a sub-step's time slightly negative
// (about once in half a million strokes), which would spoil machine-readable output, and unknown settings of newer
// brushes to stderr. With glibc, C code can get other streams meanwhile; Python does not write through them.
class Silence {
 public:
  Silence() {
#ifdef __GLIBC__
    const std::lock_guard<std::mutex> lock(mutex());
    if (depth()++ == 0) {
      static FILE* nowhere = std::fopen("/dev/null", "w");
      saved() = {stdout, stderr};
      if (nowhere) stdout = stderr = nowhere;
    }
#endif
  }
  ~Silence() {
#ifdef __GLIBC__
    const std::lock_guard<std::mutex> lock(mutex());
    if (--depth() == 0) std::tie(stdout, stderr) = saved();
#endif
  }
  Silence(const Silence&) = delete;

 private:
  static std::mutex& mutex() { static std::mutex it; return it; }
  static int& depth() { static int it = 0; return it; }
  static std::pair<FILE*, FILE*>& saved() { static std::pair<FILE*, FILE*> it; return it; }
};
