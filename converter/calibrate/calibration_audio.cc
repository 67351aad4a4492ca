// Lists folders, decodes, cuts into pieces.
#include "converter/calibrate/calibration_audio.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <system_error>
#include <utility>

#include "platform/audio/audio_reader.h"

namespace earshot::calibrate {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMinClipSamples = 8000;

bool IsAudio(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension == ".wav" || extension == ".flac" || extension == ".mp3";
}

std::vector<std::string> ListFiles(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    const size_t first = files.size();
    for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
      if (IsAudio(entry->path())) files.push_back(entry->path().string());
    }
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(first), files.end());
  }
  return files;
}

}  // namespace

Result<std::vector<Clip>> ReadCalibrationAudio(const std::vector<std::string>& paths,
                                               const AudioLimits& limits) {
  std::vector<Clip> clips;
  for (const std::string& path : ListFiles(paths)) {
    EARSHOT_ASSIGN_OR_RETURN(const std::vector<float> audio, DecodeAudioFile(path.c_str()));
    const size_t piece = static_cast<size_t>(limits.max_clip_samples);
    for (size_t begin = 0; begin < audio.size(); begin += piece) {
      const size_t end = std::min(audio.size(), begin + piece);
      if (end - begin < kMinClipSamples) continue;
      clips.emplace_back(audio.begin() + static_cast<std::ptrdiff_t>(begin),
                         audio.begin() + static_cast<std::ptrdiff_t>(end));
    }
  }
  if (clips.empty()) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "there is no speech to calibrate with: --calibration-audio wants recordings of at "
                         "least half a second, or folders of them (WAV, FLAC, MP3)");
  }
  const size_t count = std::min(clips.size(), static_cast<size_t>(limits.max_clips));
  std::vector<Clip> chosen;
  for (size_t i = 0; i < count; ++i) chosen.push_back(std::move(clips[i * clips.size() / count]));
  return chosen;
}

}  // namespace earshot::calibrate
