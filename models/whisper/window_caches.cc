// Copies of rows: a window's are moved once or twice, and read with every token.
#include "models/whisper/window_caches.h"

#include <cstring>

#include "models/whisper/config.h"

namespace earshot::whisper {
namespace {

size_t Bytes(const MatrixView& view, int64_t elements) {
  return static_cast<size_t>(DTypeBytes(view.dtype, static_cast<uint64_t>(elements)));
}

Status DoNotFit() {
  return Status::Error(StatusCode::kInvalidModel,
                       "the caches of windows do not fit those of one: convert the model again");
}

Status TooMany() { return Status::Error(StatusCode::kUnsupported, "too many layers of windows"); }

// Rows without gaps, whole or in panels.
bool IsDense(const MatrixView& view) {
  return view.panel_stride == 0
             ? view.stride == view.cols
             : view.panel_stride == view.rows * view.stride && view.cols % view.stride == 0;
}

}  // namespace

Status WindowCaches::AddHeard(const MatrixView& one, const MatrixView& windows) {
  if (num_heard_ == heard_.size()) return TooMany();
  const int64_t count = one.rows > 0 ? windows.rows / one.rows : 0;
  const bool fits = one.dtype == windows.dtype && one.cols == windows.cols && one.stride == windows.stride &&
                    IsDense(one) && IsDense(windows) && windows.rows == one.rows * count && count >= 1 &&
                    count <= kMaxWindows && (max_windows_ == 0 || count == max_windows_);
  if (!fits) return DoNotFit();
  max_windows_ = count;
  heard_[num_heard_++] = {one, windows};
  return Status::Ok();
}

Status WindowCaches::AddSaid(const MatrixView& windows) {
  if (num_said_ == said_.size()) return TooMany();
  const int64_t tokens = max_windows_ > 0 ? windows.rows / max_windows_ : 0;
  const bool fits = windows.panel_stride == 0 && IsDense(windows) && tokens >= 1 &&
                    windows.rows == tokens * max_windows_ && (max_tokens_ == 0 || tokens == max_tokens_);
  if (!fits) return DoNotFit();
  max_tokens_ = tokens;
  said_[num_said_++] = windows;
  return Status::Ok();
}

// F rows, panel by panel.
void WindowCaches::CopyRows(const MatrixView& from, int64_t from_row, const MatrixView& to,
                            int64_t to_row) const {
  const int64_t panels = from.cols / from.stride;
  for (int64_t panel = 0; panel < panels; ++panel) {
    std::memcpy(to.data + Bytes(to, panel * to.panel_stride + to_row * to.stride),
                from.data + Bytes(from, panel * from.panel_stride + from_row * from.stride),
                Bytes(from, frames_ * from.stride));
  }
}

void WindowCaches::Keep(int64_t window, int64_t frames) {
  if (window == 0) frames_ = frames;
  for (const Heard& heard : std::span(heard_).first(num_heard_))
    CopyRows(heard.one, 0, heard.windows, window * frames_);
}

void WindowCaches::Move(int64_t from, int64_t to, int64_t tokens) const {
  for (const Heard& heard : std::span(heard_).first(num_heard_))
    CopyRows(heard.windows, from * frames_, heard.windows, to * frames_);
  for (const MatrixView& said : std::span(said_).first(num_said_)) {
    const size_t row_bytes = Bytes(said, said.cols);
    for (int64_t position = 0; position < tokens; ++position) {
      std::byte* rows = said.data + static_cast<size_t>(position * max_windows_) * row_bytes;
      std::memcpy(rows + static_cast<size_t>(to) * row_bytes, rows + static_cast<size_t>(from) * row_bytes,
                  row_bytes);
    }
  }
}

}  // namespace earshot::whisper
