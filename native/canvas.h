// One libmypaint canvas: a sheet of paper with its brush and pen. Takes strokes in pixels, independent of Python.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" {
#include <mypaint-brush.h>
#include <mypaint-fixed-tiled-surface.h>
}

#include "fence.h"

// SPIRAL's environment feeds a stroke to libmypaint in this many sub-steps, this many seconds apart.
constexpr int kSubSteps = 50;
constexpr double kSubStepSeconds = 0.1;
constexpr int kFullFix15 = 1 << 15;
constexpr float kUpright = 0.0f;  // pen tilt

// A surface that paints nothing, for advancing a brush's random numbers.
struct NullSurface {
  MyPaintSurface parent{};
  NullSurface() {
    mypaint_surface_init(&parent);
    parent.draw_dab = [](MyPaintSurface*, float, float, float, float, float, float, float, float, float, float, float,
                         float, float) -> int { return 1; };
    parent.get_color = [](MyPaintSurface*, float, float, float, float* r, float* g, float* b, float* a) {
      *r = *g = *b = *a = 0.0f;
    };
    parent.begin_atomic = [](MyPaintSurface*) {};
    parent.end_atomic = [](MyPaintSurface*, MyPaintRectangle*) {};
  }
};

struct BrushDeleter {
  void operator()(MyPaintBrush* brush) const { mypaint_brush_unref(brush); }
};
struct SurfaceDeleter {
  void operator()(MyPaintFixedTiledSurface* surface) const {
    mypaint_surface_unref(reinterpret_cast<MyPaintSurface*>(surface));
  }
};
using Brush = std::unique_ptr<MyPaintBrush, BrushDeleter>;
using Surface = std::unique_ptr<MyPaintFixedTiledSurface, SurfaceDeleter>;

// A new brush with the settings of `brush`: its random numbers start from libmypaint's own seed.
inline Brush copy_brush(MyPaintBrush* brush) {
  Brush copy(mypaint_brush_new());
  for (int s = 0; s < MYPAINT_BRUSH_SETTINGS_COUNT; ++s) {
    const auto setting = static_cast<MyPaintBrushSetting>(s);
    mypaint_brush_set_base_value(copy.get(), setting, mypaint_brush_get_base_value(brush, setting));
    for (int i = 0; i < MYPAINT_BRUSH_INPUTS_COUNT; ++i) {
      const auto input = static_cast<MyPaintBrushInput>(i);
      const int points = mypaint_brush_get_mapping_n(brush, setting, input);
      mypaint_brush_set_mapping_n(copy.get(), setting, input, points);
      for (int p = 0; p < points; ++p) {
        float x = 0, y = 0;
        mypaint_brush_get_mapping_point(brush, setting, input, p, &x, &y);
        mypaint_brush_set_mapping_point(copy.get(), setting, input, p, x, y);
      }
    }
  }
  return copy;
}

// Whether any setting of this brush draws random numbers with a visible effect.
inline bool is_random(MyPaintBrush* brush) {
  for (const auto setting : {MYPAINT_BRUSH_SETTING_OFFSET_BY_RANDOM, MYPAINT_BRUSH_SETTING_RADIUS_BY_RANDOM,
                             MYPAINT_BRUSH_SETTING_TRACKING_NOISE}) {
    if (mypaint_brush_get_base_value(brush, setting) != 0.0f || !mypaint_brush_is_constant(brush, setting)) return true;
  }
  for (int s = 0; s < MYPAINT_BRUSH_SETTINGS_COUNT; ++s) {
    if (mypaint_brush_get_mapping_n(brush, static_cast<MyPaintBrushSetting>(s), MYPAINT_BRUSH_INPUT_RANDOM) > 0)
      return true;
  }
  return false;
}

// Whether this brush can erase the canvas.
inline bool can_erase(MyPaintBrush* brush) {
  return mypaint_brush_get_base_value(brush, MYPAINT_BRUSH_SETTING_ERASER) != 0.0f ||
         !mypaint_brush_is_constant(brush, MYPAINT_BRUSH_SETTING_ERASER);
}

using Colour = std::array<float, 3>;

// The settings of a brush that a stroke changes.
constexpr MyPaintBrushSetting kChanging[] = {MYPAINT_BRUSH_SETTING_RADIUS_LOGARITHMIC, MYPAINT_BRUSH_SETTING_COLOR_H,
                                             MYPAINT_BRUSH_SETTING_COLOR_S, MYPAINT_BRUSH_SETTING_COLOR_V};

inline Colour to_hsv(const Colour& rgb) {
  const float high = std::max({rgb[0], rgb[1], rgb[2]});
  const float low = std::min({rgb[0], rgb[1], rgb[2]});
  const float range = high - low;
  float hue = 0.0f;
  if (range > 0.0f) {
    if (high == rgb[0])
      hue = (rgb[1] - rgb[2]) / range + (rgb[1] < rgb[2] ? 6.0f : 0.0f);
    else if (high == rgb[1])
      hue = (rgb[2] - rgb[0]) / range + 2.0f;
    else
      hue = (rgb[0] - rgb[1]) / range + 4.0f;
  }
  return {hue / 6.0f, high > 0.0f ? range / high : 0.0f, high};
}

inline uint8_t to_byte(uint16_t fix15) { return static_cast<uint8_t>((fix15 * 255u + kFullFix15 / 2) / kFullFix15); }

inline uint16_t to_fix15(uint8_t byte) { return static_cast<uint16_t>((byte * uint32_t{kFullFix15} + 127) / 255); }

// One sheet of paper with its brush and pen.
class Canvas {
 public:
  Canvas(int size, const std::string& brush_json, const Colour& ground)
      : size_(size), surface_(mypaint_fixed_tiled_surface_new(size, size)), brush_(mypaint_brush_new()) {
    if (!surface_ || !brush_) throw std::bad_alloc();
    auto* tiled = reinterpret_cast<MyPaintTiledSurface*>(surface_.get());
    const int tiles = (size + tiled->tile_size - 1) / tiled->tile_size;
    fence_ = std::make_unique<Fence>(mypaint_fixed_tiled_surface_interface(surface_.get()), tiles * tiled->tile_size,
                                     tiled->tile_size);
    mypaint_brush_from_defaults(brush_.get());
    if (!mypaint_brush_from_string(brush_.get(), brush_json.c_str()))
      throw std::invalid_argument("libmypaint cannot read this brush");
    random_ = is_random(brush_.get());
    erases_ = can_erase(brush_.get());
    for (int c = 0; c < 3; ++c) ground_[c] = static_cast<uint16_t>(std::lround(ground[c] * kFullFix15));
    reset(0);
  }

  void reset(int64_t seed) {
    fill();
    seed_ = static_cast<uint64_t>(seed);
    history_.clear();
    if (random_) reseed(seed_);
    move(0.0f, 0.0f);
  }

  // Become an exact copy of a canvas of the same size with the same brush: pixels, pen, brush and random numbers.
  void fork(const Canvas& source) {
    if (this == &source) return;
    each_tile([&](MyPaintTiledSurface* tiled, int tx, int ty) {
      const Tile from(reinterpret_cast<MyPaintTiledSurface*>(source.surface_.get()), tx, ty, true);
      const Tile to(tiled, tx, ty, false);
      std::memcpy(to.pixels(), from.pixels(), sizeof(uint16_t) * 4 * tiled->tile_size * tiled->tile_size);
    });
    if (random_) replay(source);
    for (const auto setting : kChanging) set(setting, mypaint_brush_get_base_value(source.brush_.get(), setting));
    for (int s = 0; s < MYPAINT_BRUSH_STATES_COUNT; ++s) {
      const auto state = static_cast<MyPaintBrushState>(s);
      mypaint_brush_set_state(brush_.get(), state, mypaint_brush_get_state(source.brush_.get(), state));
    }
    x_ = source.x_;
    y_ = source.y_;
    pressure_ = source.pressure_;
    painting_ = source.painting_;
  }

  // Put a picture uint8 [size, size, channels] onto the canvas, with the pen lifted at (x, y).
  void load(const uint8_t* in, int channels, float x, float y) {
    each_run(whole(), false, [&](uint16_t* pixels, int row, int column, int count) {
      const uint8_t* source = in + (static_cast<size_t>(row) * size_ + column) * channels;
      for (int i = 0; i < count; ++i) {
        for (int c = 0; c < 3; ++c) pixels[4 * i + c] = to_fix15(source[i * channels + (channels == 1 ? 0 : c)]);
        pixels[4 * i + 3] = kFullFix15;
      }
    });
    move(x, y);
  }

  void move(float x, float y) {
    fence_->begin(brush_.get());
    execute({false, 0.0f, 0.0f, x, y, 0.0f, 0.0f}, paper());
  }

  // Returns the part of the canvas that has changed.
  MyPaintRectangle stroke(float control_x, float control_y, float end_x, float end_y, float radius, float pressure,
                          const Colour& colour) {
    const Colour hsv = to_hsv(colour);
    set(MYPAINT_BRUSH_SETTING_COLOR_H, hsv[0]);
    set(MYPAINT_BRUSH_SETTING_COLOR_S, hsv[1]);
    set(MYPAINT_BRUSH_SETTING_COLOR_V, hsv[2]);
    fence_->begin(brush_.get());
    mypaint_surface_begin_atomic(paper());
    execute({true, control_x, control_y, end_x, end_y, radius, pressure}, paper());
    // A stroke changes a small part of the canvas: only that is read back.
    MyPaintRectangle touched{0, 0, 0, 0};
    mypaint_surface_end_atomic(paper(), &touched);
    return touched;
  }

  // Whether the last stroke had more dabs than can be painted: some are missing.
  bool exhausted() const { return fence_->exhausted(); }

  float x() const { return x_; }
  float y() const { return y_; }

  // Write a part of the canvas into uint8 [size, size, channels]; grey is the red channel, all three are equal then.
  void read(uint8_t* out, int channels, const MyPaintRectangle& part) {
    each_run(part, true, [&](const uint16_t* pixels, int row, int column, int count) {
      uint8_t* target = out + (static_cast<size_t>(row) * size_ + column) * channels;
      // Colours are multiplied by alpha, and erased pixels show the ground. Most brushes cannot erase: then the canvas
      // stays opaque. There is one loop for each number of channels, so that the compiler can vectorise it.
      if (erases_)
        for (int i = 0; i < count; ++i)
          for (int c = 0; c < channels; ++c)
            target[channels * i + c] = to_byte(static_cast<uint16_t>(std::min<uint32_t>(
                kFullFix15, pixels[4 * i + c] + uint32_t{ground_[c]} * (kFullFix15 - pixels[4 * i + 3]) / kFullFix15)));
      else if (channels == 1)
        for (int i = 0; i < count; ++i) target[i] = to_byte(pixels[4 * i]);
      else
        for (int i = 0; i < count; ++i)
          for (int c = 0; c < 3; ++c) target[3 * i + c] = to_byte(pixels[4 * i + c]);
    });
  }

  MyPaintRectangle whole() const { return {0, 0, size_, size_}; }

 private:
  // An action of the pen: a stroke, or a jump to its end. Random numbers do not depend on its colour.
  struct Event {
    bool paints;
    float control_x, control_y, end_x, end_y, radius, pressure;
  };

  // A tile of a surface while it is in use.
  class Tile {
   public:
    Tile(MyPaintTiledSurface* tiled, int tx, int ty, bool readonly) : tiled_(tiled) {
      mypaint_tile_request_init(&request_, 0, tx, ty, readonly);
      mypaint_tiled_surface_tile_request_start(tiled_, &request_);
      if (!request_.buffer) throw std::bad_alloc();
    }
    Tile(const Tile&) = delete;
    ~Tile() { mypaint_tiled_surface_tile_request_end(tiled_, &request_); }
    uint16_t* pixels() const { return request_.buffer; }

   private:
    MyPaintTiledSurface* tiled_;
    mutable MyPaintTileRequest request_;
  };

  MyPaintSurface* paper() const { return fence_->interface(); }

  void execute(const Event& event, MyPaintSurface* surface) {
    if (random_) history_.push_back(event);
    if (event.paints) {
      set(MYPAINT_BRUSH_SETTING_RADIUS_LOGARITHMIC, std::log(event.radius));
      const float first = painting_ ? pressure_ : event.pressure;
      if (!painting_) stroke_to(surface, x_, y_, first);
      for (int i = 1; i <= kSubSteps && !exhausted(); ++i) {
        const float t = static_cast<float>(i) / kSubSteps, u = 1.0f - t;
        stroke_to(surface, u * u * x_ + 2 * u * t * event.control_x + t * t * event.end_x,
                  u * u * y_ + 2 * u * t * event.control_y + t * t * event.end_y, u * first + t * event.pressure);
      }
      pressure_ = event.pressure;
    } else {
      mypaint_brush_reset(brush_.get());
      mypaint_brush_new_stroke(brush_.get());
      stroke_to(surface, event.end_x, event.end_y, 0.0f);
    }
    x_ = event.end_x;
    y_ = event.end_y;
    painting_ = event.paints;
  }

  // libmypaint gives no access to the state of a brush's random numbers. It does not depend on the paper, so the
  // source's strokes are repeated on a surface that paints nothing.
  void replay(const Canvas& source) {
    seed_ = source.seed_;
    reseed(seed_);
    history_.clear();
    NullSurface nowhere;
    fence_->begin(brush_.get());
    for (const Event& event : source.history_) execute(event, &nowhere.parent);
  }

  // libmypaint recomputes tables at every change of a setting, so unchanged settings are not set.
  void set(MyPaintBrushSetting setting, float value) {
    if (mypaint_brush_get_base_value(brush_.get(), setting) != value)
      mypaint_brush_set_base_value(brush_.get(), setting, value);
  }

  void stroke_to(MyPaintSurface* surface, float x, float y, float pressure) {
    mypaint_brush_stroke_to(brush_.get(), surface, x, y, pressure, kUpright, kUpright, kSubStepSeconds);
  }

  // Tiles may reach beyond the canvas, and a smudging brush picks up the colour there.
  void fill() {
    each_tile([&](MyPaintTiledSurface* tiled, int tx, int ty) {
      const Tile tile(tiled, tx, ty, false);
      for (int i = 0; i < tiled->tile_size * tiled->tile_size; ++i) {
        std::copy(ground_.begin(), ground_.end(), tile.pixels() + 4 * i);
        tile.pixels()[4 * i + 3] = kFullFix15;
      }
    });
  }

  // libmypaint gives no access to a brush's random numbers: a new brush starts from one fixed seed, and each dab
  // draws. So a seed is a number of dabs on a surface that paints nothing.
  void reseed(uint64_t seed) {
    brush_ = copy_brush(brush_.get());
    seed = (seed + 1) * 0x9E3779B97F4A7C15ull;
    const int steps = static_cast<int>((seed >> 32) % 32);
    const float distance = 0.125f + 0.125f * static_cast<float>((seed >> 48) % 16);
    NullSurface nowhere;
    mypaint_brush_set_base_value(brush_.get(), MYPAINT_BRUSH_SETTING_RADIUS_LOGARITHMIC, 0.0f);
    mypaint_brush_stroke_to(brush_.get(), &nowhere.parent, 0, 0, 1, kUpright, kUpright, kSubStepSeconds);
    for (int i = 1; i <= steps; ++i)
      mypaint_brush_stroke_to(brush_.get(), &nowhere.parent, distance * i, 0, 1, kUpright, kUpright, kSubStepSeconds);
  }

  // Visits a part of the canvas in runs of neighbouring pixels, four values each.
  template <typename Visit>
  void each_run(const MyPaintRectangle& part, bool readonly, Visit visit) {
    auto* tiled = reinterpret_cast<MyPaintTiledSurface*>(surface_.get());
    const int side = tiled->tile_size;
    const int left = std::max(0, part.x), right = std::min(size_, part.x + part.width);
    const int top = std::max(0, part.y), bottom = std::min(size_, part.y + part.height);
    if (left >= right || top >= bottom) return;
    for (int ty = top / side; ty * side < bottom; ++ty) {
      for (int tx = left / side; tx * side < right; ++tx) {
        const Tile tile(tiled, tx, ty, readonly);
        const int first = std::max(left, tx * side), count = std::min(right, (tx + 1) * side) - first;
        for (int row = std::max(top, ty * side); row < std::min(bottom, (ty + 1) * side); ++row)
          visit(tile.pixels() + (static_cast<size_t>(row - ty * side) * side + (first - tx * side)) * 4, row, first,
                count);
      }
    }
  }

  // Visits every tile.
  template <typename Visit>
  void each_tile(Visit visit) {
    auto* tiled = reinterpret_cast<MyPaintTiledSurface*>(surface_.get());
    const int side = tiled->tile_size;
    for (int ty = 0; ty * side < size_; ++ty)
      for (int tx = 0; tx * side < size_; ++tx)
        visit(tiled, tx, ty);
  }

  int size_;
  Surface surface_;
  std::unique_ptr<Fence> fence_;  // around the surface
  Brush brush_;
  bool random_ = false, erases_ = false;
  std::array<uint16_t, 3> ground_{};
  float x_ = 0, y_ = 0, pressure_ = 0;
  bool painting_ = false;
  uint64_t seed_ = 0;
  std::vector<Event> history_;  // since the last reset, of brushes that draw random numbers
};
