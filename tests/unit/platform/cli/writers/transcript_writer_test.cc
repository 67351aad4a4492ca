// Transcripts in the five output formats.
#include "platform/cli/writers/transcript_writer.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

namespace earshot {
namespace {

using Catch::Matchers::ContainsSubstring;

Transcript TwoSegments() {
  return {
      .language = "en",
      .duration_s = 3725.5,
      .segments = {{.id = 0,
                    .start_s = 0,
                    .end_s = 2.5,
                    .text = " Hello there.",
                    .tokens = {50364, 2425},
                    .avg_logprob = -0.25,
                    .compression_ratio = 1.5,
                    .no_speech_prob = 0.125,
                    .temperature = 0.2},
                   {.id = 1, .start_s = 3661.0054, .end_s = 3725.4996, .text = " Good\tbye.", .tokens = {}}}};
}

Transcript OneSegment(const std::string& text) {
  return {.language = "en", .duration_s = 1, .segments = {{.start_s = 0, .end_s = 1, .text = text}}};
}

TEST_CASE("plain text is a line per segment", "[transcript_writer]") {
  CHECK(RenderTranscript(TwoSegments(), TranscriptFormat::kTxt) == "Hello there.\nGood bye.\n");
}

TEST_CASE("SubRip has numbers, hours and comma milliseconds", "[transcript_writer]") {
  CHECK(RenderTranscript(TwoSegments(), TranscriptFormat::kSrt) ==
        "1\n00:00:00,000 --> 00:00:02,500\nHello there.\n\n"
        "2\n01:01:01,005 --> 01:02:05,500\nGood\tbye.\n\n");
}

TEST_CASE("WebVTT has its header and hours only where needed", "[transcript_writer]") {
  CHECK(RenderTranscript(TwoSegments(), TranscriptFormat::kVtt) ==
        "WEBVTT\n\n00:00.000 --> 00:02.500\nHello there.\n\n"
        "01:01:01.005 --> 01:02:05.500\nGood\tbye.\n\n");
}

TEST_CASE("the table has whole milliseconds and no tabs in the text", "[transcript_writer]") {
  CHECK(RenderTranscript(TwoSegments(), TranscriptFormat::kTsv) ==
        "start\tend\ttext\n0\t2500\tHello there.\n3661005\t3725500\tGood bye.\n");
}

TEST_CASE("JSON has the keys that whisper's users read", "[transcript_writer]") {
  const std::string text = RenderTranscript(TwoSegments(), TranscriptFormat::kJson);
  CHECK(text.find('\n') == text.size() - 1);
  CHECK(nlohmann::json::parse(text) == nlohmann::json::parse(R"({
    "text": "Hello there. Good\tbye.", "language": "en", "duration": 3725.5,
    "segments": [
      {"id": 0, "start": 0.0, "end": 2.5, "text": " Hello there.", "tokens": [50364, 2425], "avg_logprob": -0.25,
       "compression_ratio": 1.5, "no_speech_prob": 0.125, "temperature": 0.2},
      {"id": 1, "start": 3661.005, "end": 3725.5, "text": " Good\tbye.", "tokens": [], "avg_logprob": 0.0,
       "compression_ratio": 0.0, "no_speech_prob": 0.0, "temperature": 0.0}]})"));
  CHECK_THAT(text, ContainsSubstring("\"end\":3725.5,"));
}

TEST_CASE("an empty transcript is a valid file", "[transcript_writer]") {
  const Transcript empty{.language = "de", .duration_s = 0.25, .segments = {}};
  CHECK(RenderTranscript(empty, TranscriptFormat::kTxt).empty());
  CHECK(RenderTranscript(empty, TranscriptFormat::kSrt).empty());
  CHECK(RenderTranscript(empty, TranscriptFormat::kVtt) == "WEBVTT\n\n");
  CHECK(RenderTranscript(empty, TranscriptFormat::kTsv) == "start\tend\ttext\n");
  CHECK(RenderTranscript(empty, TranscriptFormat::kJson) ==
        "{\"text\":\"\",\"language\":\"de\",\"duration\":0.25,\"segments\":[]}\n");
}

TEST_CASE("line formats come out segment by segment, JSON at the end", "[transcript_writer]") {
  const Transcript transcript = TwoSegments();
  for (const TranscriptFormat format : kAllTranscriptFormats) {
    INFO(TranscriptFormatName(format));
    TranscriptWriter writer(format);
    std::string text = writer.Begin();
    for (const TranscriptSegment& segment : transcript.segments) {
      const std::string piece = writer.Add(segment);
      CHECK(piece.empty() == (format == TranscriptFormat::kJson));
      text += piece;
    }
    const std::string end = writer.End(transcript.language, transcript.duration_s);
    CHECK(end.empty() == (format != TranscriptFormat::kJson));
    CHECK(text + end == RenderTranscript(transcript, format));
  }
}

TEST_CASE("a text cannot break out of its subtitle", "[transcript_writer]") {
  const Transcript nasty = OneSegment(" a\n\n00:00 --> 00:01\r\n \r\n<b> & --->\n");
  CHECK(RenderTranscript(nasty, TranscriptFormat::kSrt) ==
        "1\n00:00:00,000 --> 00:00:01,000\na\n00:00 -> 00:01\n<b> & ->\n\n");
  CHECK(RenderTranscript(nasty, TranscriptFormat::kVtt) ==
        "WEBVTT\n\n00:00.000 --> 00:01.000\na\n00:00 --&gt; 00:01\n&lt;b&gt; &amp; ---&gt;\n\n");
  CHECK(RenderTranscript(nasty, TranscriptFormat::kTxt) == "a 00:00 --> 00:01 <b> & --->\n");
  CHECK(RenderTranscript(OneSegment("a\u2028b\vc"), TranscriptFormat::kTsv) ==
        "start\tend\ttext\n0\t1000\ta b c\n");
}

TEST_CASE("segments without text leave no empty subtitle and no gap in the numbers", "[transcript_writer]") {
  Transcript transcript = TwoSegments();
  transcript.segments[0].text = " \n ";
  CHECK(RenderTranscript(transcript, TranscriptFormat::kSrt) ==
        "1\n01:01:01,005 --> 01:02:05,500\nGood\tbye.\n\n");
  CHECK(RenderTranscript(transcript, TranscriptFormat::kTxt) == "Good bye.\n");
}

TEST_CASE("ill-formed UTF-8 is repaired in every format", "[transcript_writer]") {
  const Transcript transcript = OneSegment(" caf\xE9 \xF0\x9F\x98");
  for (const TranscriptFormat format : kAllTranscriptFormats) {
    INFO(TranscriptFormatName(format));
    CHECK_THAT(RenderTranscript(transcript, format), ContainsSubstring("caf\uFFFD \uFFFD"));
  }
}

TEST_CASE("impossible times and scores are written as valid values", "[transcript_writer]") {
  Transcript transcript = OneSegment("x");
  transcript.segments[0].start_s = -1;
  transcript.segments[0].end_s = std::nan("");
  transcript.segments[0].avg_logprob = -std::numeric_limits<double>::infinity();
  CHECK(RenderTranscript(transcript, TranscriptFormat::kSrt) == "1\n00:00:00,000 --> 00:00:00,000\nx\n\n");
  const auto json = nlohmann::json::parse(RenderTranscript(transcript, TranscriptFormat::kJson));
  CHECK(json.at("segments")[0].at("start") == 0.0);
  CHECK(json.at("segments")[0].at("avg_logprob").is_null());

  transcript.segments[0].start_s = 5;
  transcript.segments[0].end_s = 4;
  CHECK(RenderTranscript(transcript, TranscriptFormat::kTsv) == "start\tend\ttext\n5000\t5000\tx\n");
  transcript.segments[0].end_s = 360000.0;  // 100 hours
  CHECK_THAT(RenderTranscript(transcript, TranscriptFormat::kSrt), ContainsSubstring("--> 100:00:00,000"));
}

TEST_CASE("formats are known by their names", "[transcript_writer]") {
  for (const TranscriptFormat format : kAllTranscriptFormats) {
    const auto parsed = ParseTranscriptFormat(TranscriptFormatName(format));
    REQUIRE(parsed.ok());
    CHECK(parsed.value() == format);
  }
  const auto unknown = ParseTranscriptFormat("docx");
  REQUIRE_FALSE(unknown.ok());
  CHECK_THAT(unknown.status().message(),
             ContainsSubstring("\"docx\"") && ContainsSubstring("txt, srt, vtt, tsv or json"));
}

TEST_CASE("a transcript is saved under its stem and format", "[transcript_writer]") {
  const auto directory = std::filesystem::temp_directory_path() / "earshot_transcript_writer_test";
  std::filesystem::create_directory(directory);
  REQUIRE(SaveTranscript(TwoSegments(), TranscriptFormat::kSrt, directory.string(), "talk.v2").ok());
  std::ifstream file(directory / "talk.v2.srt", std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  CHECK(content.str() == RenderTranscript(TwoSegments(), TranscriptFormat::kSrt));
  std::filesystem::remove_all(directory);

  const Status status = SaveTranscript(TwoSegments(), TranscriptFormat::kSrt, directory.string(), "talk");
  CHECK(status.code() == StatusCode::kNotFound);
  CHECK_THAT(status.message(), ContainsSubstring((directory / "talk.srt").string()));
}

}  // namespace
}  // namespace earshot
