// The yardstick: libmypaint alone, one thread, no Python, painting the strokes it reads from a file.
// Usage: plain_loop BRUSH.myb STROKES.bin CANVASES SIZE WARM_UP    prints strokes per second, the first WARM_UP left out
// STROKES.bin: float32 records of start x y, control x y, end x y, radius, pressure before, pressure after, canvas.
#include <glib.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mypaint-brush.h>
#include <mypaint-fixed-tiled-surface.h>

enum { FIELDS = 10, SUB_STEPS = 50 };

static char *read_all(const char *path, long *size) {
  FILE *file = fopen(path, "rb");
  if (!file) { perror(path); exit(2); }
  fseek(file, 0, SEEK_END);
  *size = ftell(file);
  rewind(file);
  char *data = malloc(*size + 1);
  if (fread(data, 1, *size, file) != (size_t)*size) exit(2);
  data[*size] = 0;
  fclose(file);
  return data;
}

int main(int count, char **arguments) {
  if (count != 6) return 2;
  long size;
  char *json = read_all(arguments[1], &size);
  float *strokes = (float *)read_all(arguments[2], &size);
  long number = size / (FIELDS * sizeof(float));
  int canvases = atoi(arguments[3]), side = atoi(arguments[4]), warm_up = atoi(arguments[5]);
  MyPaintBrush **brushes = malloc(canvases * sizeof *brushes);
  MyPaintFixedTiledSurface **surfaces = malloc(canvases * sizeof *surfaces);
  for (int i = 0; i < canvases; ++i) {
    brushes[i] = mypaint_brush_new();
    mypaint_brush_from_defaults(brushes[i]);
    if (!mypaint_brush_from_string(brushes[i], json)) return 2;
    surfaces[i] = mypaint_fixed_tiled_surface_new(side, side);
    mypaint_brush_reset(brushes[i]);
    mypaint_brush_new_stroke(brushes[i]);
    mypaint_brush_stroke_to(brushes[i], mypaint_fixed_tiled_surface_interface(surfaces[i]), 0, 0, 0, 0, 0, 0.1);
    mypaint_brush_set_base_value(brushes[i], MYPAINT_BRUSH_SETTING_COLOR_V, 1.0f);
  }
  struct timespec begin, end;
  for (long n = 0; n < number; ++n) {
    if (n == warm_up) clock_gettime(CLOCK_MONOTONIC, &begin);
    const float *s = strokes + n * FIELDS;
    MyPaintBrush *brush = brushes[(int)s[9]];
    MyPaintSurface *surface = mypaint_fixed_tiled_surface_interface(surfaces[(int)s[9]]);
    mypaint_brush_set_base_value(brush, MYPAINT_BRUSH_SETTING_RADIUS_LOGARITHMIC, logf(s[6]));
    mypaint_surface_begin_atomic(surface);
    for (int i = 1; i <= SUB_STEPS; ++i) {
      const float t = (float)i / SUB_STEPS, u = 1 - t;
      mypaint_brush_stroke_to(brush, surface, u * u * s[0] + 2 * u * t * s[2] + t * t * s[4],
                              u * u * s[1] + 2 * u * t * s[3] + t * t * s[5], u * s[7] + t * s[8], 0, 0, 0.1);
    }
    mypaint_surface_end_atomic(surface, NULL);
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  fprintf(stderr, "%.3f\n", (number - warm_up) / (end.tv_sec - begin.tv_sec + 1e-9 * (end.tv_nsec - begin.tv_nsec)));
  return 0;
}
