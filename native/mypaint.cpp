// A batch of libmypaint canvases. One call executes one stroke on many canvases: the GIL is released, canvases
// are spread over threads, and each finished canvas is written as uint8 pixels into an array the caller owns.
//
// This layer takes strokes in pixels (canvas.h), not commands; all arguments are checked before use.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "canvas.h"
#include "thread_pool.h"
#include "silence.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using Rows = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Seeds = Rows;
using Mask = nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Scalars = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Vectors = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Pictures = nb::ndarray<const uint8_t, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
using Pixels = nb::ndarray<uint8_t, nb::ndim<4>, nb::c_contig, nb::device::cpu>;

void require(bool holds, const char* message) {
  if (!holds) throw std::invalid_argument(message);
}

template <typename Array>
bool finite_within(const Array& values, float low, float high) {
  const auto* data = values.data();
  for (size_t i = 0; i < values.size(); ++i)
    if (!(data[i] >= low && data[i] <= high)) return false;  // false for NaN, too
  return true;
}

class Canvases {
 public:
  Canvases(const Canvases&) = delete;
  Canvases(int batch, int size, int channels, const std::string& brush_json, const std::vector<float>& ground)
      : size_(size), channels_(channels), brush_json_(brush_json) {
    require(batch >= 1 && size >= 1 && size <= 4096, "batch must be at least 1, size 1 to 4096");
    require(channels == 1 || channels == 3, "channels must be 1 or 3");
    require(ground.size() == 3, "ground needs 3 values");
    for (float value : ground) require(value >= 0.0f && value <= 1.0f, "ground must be 0 to 1");
    ground_ = Colour{ground[0], ground[1], ground[2]};
    const Silence silence;
    for (int i = 0; i < batch; ++i) canvases_.push_back(std::make_unique<Canvas>(size, brush_json, ground_));
  }

  void reset(Mask which, Seeds seeds, Pixels out, int threads) {
    check(which, out);
    require(seeds.shape(0) == canvases_.size(), "seeds must hold one value a canvas");
    const uint8_t* chosen = which.data();
    const int64_t* seed = seeds.data();
    uint8_t* pixels = out.data();
    nb::gil_scoped_release release;
    const Silence silence;
    in_parallel(threads, [](size_t) { return 0.0f; }, [&](size_t i) {
      if (!chosen[i]) return;
      canvases_[i]->reset(seed[i]);
      canvases_[i]->read(pixels + i * pixels_each(), channels_, canvases_[i]->whole());
    });
  }

  void load(Mask which, Pictures pictures, Vectors pens, Pixels out, int threads) {
    check(which, out);
    for (size_t axis = 0; axis < 4; ++axis)
      require(pictures.shape(axis) == out.shape(axis), "the pictures must have the shape of the output array");
    require(pens.shape(0) == canvases_.size() && pens.shape(1) == 2, "every array must hold one row a canvas");
    require(finite_within(pens, -2.0f * size_, 2.0f * size_), "a point is far off the canvas");
    const uint8_t *chosen = which.data(), *in = pictures.data();
    const float* pen = pens.data();
    uint8_t* pixels = out.data();
    nb::gil_scoped_release release;
    const Silence silence;
    in_parallel(threads, [](size_t) { return 0.0f; }, [&](size_t i) {
      if (!chosen[i]) return;
      canvases_[i]->load(in + i * pixels_each(), channels_, pen[2 * i], pen[2 * i + 1]);
      canvases_[i]->read(pixels + i * pixels_each(), channels_, canvases_[i]->whole());
    });
  }

  void fork(Mask which, const Canvases& source, Rows rows, int threads) {
    require(which.shape(0) == canvases_.size() && rows.shape(0) == canvases_.size(),
            "every array must hold one value a canvas");
    require(source.size_ == size_ && source.brush_json_ == brush_json_ && source.ground_ == ground_,
            "the source has another size, brush or ground");
    const uint8_t* chosen = which.data();
    const int64_t* row = rows.data();
    for (size_t i = 0; i < canvases_.size(); ++i)
      require(!chosen[i] || (row[i] >= 0 && static_cast<size_t>(row[i]) < source.canvases_.size()),
              "a row is not in the source");
    nb::gil_scoped_release release;
    const Silence silence;
    // When forking from this batch, sources that will be overwritten are copied first.
    std::vector<std::unique_ptr<Canvas>> aside(source.canvases_.size());
    if (&source == this)
      for (size_t i = 0; i < canvases_.size(); ++i) {
        const size_t from = static_cast<size_t>(chosen[i] ? row[i] : i);
        if (from == i || !chosen[from] || aside[from]) continue;
        aside[from] = std::make_unique<Canvas>(size_, brush_json_, ground_);
        aside[from]->fork(*canvases_[from]);
      }
    in_parallel(threads, [](size_t) { return 0.0f; }, [&](size_t i) {
      if (!chosen[i]) return;
      const auto from = static_cast<size_t>(row[i]);
      canvases_[i]->fork(aside[from] && from != i ? *aside[from] : *source.canvases_[from]);
    });
  }

  void stroke(Mask which, Mask paint, Vectors control, bool midway, Vectors end, Scalars radius, Scalars pressure,
              Vectors colour, Pixels out, int threads) {
    check(which, out);
    const size_t batch = canvases_.size();
    require(paint.shape(0) == batch && radius.shape(0) == batch && pressure.shape(0) == batch &&
                control.shape(0) == batch && control.shape(1) == 2 && end.shape(0) == batch && end.shape(1) == 2 &&
                colour.shape(0) == batch && colour.shape(1) == 3,
            "every array must hold one row a canvas");
    const float limit = 2.0f * size_;
    require(finite_within(control, -limit, limit) && finite_within(end, -limit, limit), "a point is far off the canvas");
    require(finite_within(radius, 0.01f, 32768.0f), "radius must be 0.01 to 32768");
    require(finite_within(pressure, 0.0f, 1.0f) && finite_within(colour, 0.0f, 1.0f),
            "pressure and colour must be 0 to 1");
    const uint8_t* chosen = which.data();
    const uint8_t* paints = paint.data();
    const float *c = control.data(), *e = end.data(), *r = radius.data(), *p = pressure.data(), *rgb = colour.data();
    uint8_t* pixels = out.data();
    nb::gil_scoped_release release;
    const Silence silence;
    const auto work_of = [&](size_t i) {
      if (!chosen[i] || !paints[i]) return 0.0f;
      const float x = canvases_[i]->x(), y = canvases_[i]->y(), middle_x = midway ? x : c[2 * i],
                  middle_y = midway ? y : c[2 * i + 1];
      // A length in radii, as libmypaint spaces its dabs.
      return (std::hypot(middle_x - x, middle_y - y) + std::hypot(e[2 * i] - middle_x, e[2 * i + 1] - middle_y)) / r[i];
    };
    std::atomic<bool> exhausted{false};
    in_parallel(threads, work_of, [&](size_t i) {
      if (!chosen[i]) return;
      Canvas& canvas = *canvases_[i];
      if (!paints[i]) return canvas.move(e[2 * i], e[2 * i + 1]);
      const float control_x = midway ? 0.5f * (canvas.x() + e[2 * i]) : c[2 * i];
      const float control_y = midway ? 0.5f * (canvas.y() + e[2 * i + 1]) : c[2 * i + 1];
      const MyPaintRectangle touched = canvas.stroke(control_x, control_y, e[2 * i], e[2 * i + 1], r[i], p[i],
                                                     Colour{rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]});
      canvas.read(pixels + i * pixels_each(), channels_, touched);
      if (canvas.exhausted()) exhausted = true;
    });
    if (exhausted) throw std::overflow_error("a stroke has too many dabs");
  }

 private:
  size_t pixels_each() const { return static_cast<size_t>(size_) * size_ * channels_; }

  void check(const Mask& which, const Pixels& out) const {
    require(which.shape(0) == canvases_.size(), "which must hold one value a canvas");
    require(out.shape(0) == canvases_.size() && out.shape(1) == static_cast<size_t>(size_) &&
                out.shape(2) == static_cast<size_t>(size_) && out.shape(3) == static_cast<size_t>(channels_),
            "the output array has the wrong shape");
  }

  // Canvases are independent, so their assignment to threads cannot change a picture. Each thread has its own canvases,
  // which stay in its processor's cache between calls. It takes those with the most work first, and then helps other
  // threads: all end at nearly the same time.
  template <typename WorkOf, typename Work>
  void in_parallel(int threads, WorkOf work_of, Work work) {
    const size_t batch = canvases_.size();
    const size_t count = std::clamp<size_t>(std::max(threads, 1), 1, std::min<size_t>(batch, 256));
    std::vector<std::pair<float, size_t>> most(batch);
    for (size_t i = 0; i < batch; ++i) most[i] = {work_of(i), i};
    if (count > 1) std::sort(most.begin(), most.end(), std::greater<>());
    std::vector<std::vector<size_t>> own(count);
    for (const auto& [amount, i] : most) own[i % count].push_back(i);
    std::vector<std::atomic<size_t>> next(count);
    pool_.run(count, [&](size_t me) {
      for (size_t k = 0; k < count; ++k) {
        const size_t whose = (me + k) % count;
        for (size_t n = next[whose]++; n < own[whose].size(); n = next[whose]++) work(own[whose][n]);
      }
    });
  }

  int size_, channels_;
  std::string brush_json_;
  Colour ground_{};
  std::vector<std::unique_ptr<Canvas>> canvases_;
  ThreadPool pool_;
};

}  // namespace

NB_MODULE(_mypaint, module) {
  module.doc() = "Batches of libmypaint canvases.";
  mypaint_brush_unref(mypaint_brush_new());  // libmypaint fills its tables on first use: once, before any thread
  nb::class_<Canvases>(module, "Canvases")
      .def(nb::init<int, int, int, const std::string&, const std::vector<float>&>(), "batch"_a, "size"_a, "channels"_a,
           "brush_json"_a, "ground"_a)
      .def("reset", &Canvases::reset, "which"_a, "seeds"_a, "out"_a, "threads"_a)
      .def("load", &Canvases::load, "which"_a, "pictures"_a, "pens"_a, "out"_a, "threads"_a)
      .def("fork", &Canvases::fork, "which"_a, "source"_a, "rows"_a, "threads"_a)
      .def("stroke", &Canvases::stroke, "which"_a, "paint"_a, "control"_a, "midway"_a, "end"_a, "radius"_a,
           "pressure"_a, "colour"_a, "out"_a, "threads"_a);
}
