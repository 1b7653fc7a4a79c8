// A surface that hands libmypaint only dabs that it can paint in bounded time and memory.
#pragma once

#include <cstdint>

extern "C" {
#include <mypaint-brush.h>
#include <mypaint-fixed-tiled-surface.h>
}

// Tiles that the dabs of one stroke may touch: thirteen seconds of libmypaint's work and 120 MB of its queue. MyPaint's
// widest brushes, as large as the canvas, stay below.
constexpr int64_t kMostTiles = 1 << 20;
// Larger radii come from rounding. libmypaint's own end at 1000 pixels.
constexpr float kLargestRadius = 2048.0f;

// libmypaint queues the dabs of a stroke in a square map of tiles, which grows until it holds the farthest one: a dab a
// million pixels off the canvas, as a brush's offsets may put it, costs gigabytes. Such a dab paints only tiles that
// libmypaint throws away, so it is left out here. Dabs that touch a tile of the canvas reach libmypaint unchanged.
class Fence {
 public:
  // `surface` must outlive this. `side` is its length in pixels, all of its tiles included.
  Fence(MyPaintSurface* surface, int side, int tile_size)
      : fenced_{{}, surface, nullptr, static_cast<float>(side), static_cast<float>(tile_size), 0} {
    mypaint_surface_init(&fenced_.parent);
    fenced_.parent.draw_dab = draw_dab;
    fenced_.parent.get_color = get_color;
    fenced_.parent.begin_atomic = [](MyPaintSurface* self) { mypaint_surface_begin_atomic(within(self).inner); };
    fenced_.parent.end_atomic = [](MyPaintSurface* self, MyPaintRectangle* touched) {
      mypaint_surface_end_atomic(within(self).inner, touched);
    };
  }
  Fence(const Fence&) = delete;

  MyPaintSurface* interface() { return &fenced_.parent; }

  // To be called before each stroke, with the brush that paints it.
  void begin(MyPaintBrush* brush) {
    fenced_.brush = brush;
    fenced_.tiles = 0;
  }

  // Whether dabs of the present stroke are left out because it has too many.
  bool exhausted() const { return fenced_.tiles > kMostTiles; }

 private:
  struct Fenced {
    MyPaintSurface parent;  // first: libmypaint's pointer to it is a pointer to this
    MyPaintSurface* inner;
    MyPaintBrush* brush;
    float side, tile_size;
    int64_t tiles;

    // Whether libmypaint is to see a dab: it touches the canvas, and the stroke has not used up its tiles. No for NaN.
    bool admits(float x, float y, float radius) {
      const float reach = radius + 1.0f;  // as libmypaint reckons
      if (!(x + reach >= 0.0f && y + reach >= 0.0f && x - reach < side && y - reach < side)) {
        ++tiles;
        return false;
      }
      const auto across = static_cast<int64_t>(2.0f * reach / tile_size) + 1;
      tiles += across * across;
      return tiles <= kMostTiles;
    }
  };

  static Fenced& within(MyPaintSurface* self) { return *reinterpret_cast<Fenced*>(self); }

  static int draw_dab(MyPaintSurface* self, float x, float y, float radius, float red, float green, float blue,
                      float opaque, float hardness, float alpha_eraser, float ratio, float angle, float lock_alpha,
                      float colorize) {
    Fenced& fenced = within(self);
    // libmypaint divides by a dab's fading edge for anti-aliasing. Where rounding leaves none, the radius is infinite.
    if (!(radius <= kLargestRadius)) radius = mypaint_brush_get_state(fenced.brush, MYPAINT_BRUSH_STATE_ACTUAL_RADIUS);
    if (!fenced.admits(x, y, radius)) return 0;
    return mypaint_surface_draw_dab(fenced.inner, x, y, radius, red, green, blue, opaque, hardness, alpha_eraser,
                                    ratio, angle, lock_alpha, colorize);
  }

  static void get_color(MyPaintSurface* self, float x, float y, float radius, float* red, float* green, float* blue,
                        float* alpha) {
    Fenced& fenced = within(self);
    if (fenced.admits(x, y, radius))
      return mypaint_surface_get_color(fenced.inner, x, y, radius, red, green, blue, alpha);
    *red = *blue = *alpha = 0.0f;  // as libmypaint gives it off the canvas: transparent
    *green = 1.0f;
  }

  Fenced fenced_;
};
