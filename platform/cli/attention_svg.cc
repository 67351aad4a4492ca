// AttentionSvg.
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "platform/cli/attention_picture.h"
#include "platform/cli/units.h"

namespace earshot::cli {
namespace {

constexpr int kSide = 256, kMargin = 24, kCaption = 56, kMaxColumns = 4;

std::string Attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + Fixed(value, 2) + "\"";
}

std::string Escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else {
      result += c;
    }
  }
  return result;
}

struct Box {
  double x, y, width, height;
};

std::string Rectangle(const Box& box, const char* colour) {
  return "<rect" + Attribute("x", box.x) + Attribute("y", box.y) + Attribute("width", box.width) +
         Attribute("height", box.height) + " fill=\"" + colour + "\"/>\n";
}

std::string Text(double x, double y, const std::string& text) {
  return "<text" + Attribute("x", x) + Attribute("y", y) + ">" + Escaped(text) + "</text>\n";
}

// `box` is the whole row; cells of one kind that lie side by side are one rectangle.
std::string Row(const std::vector<Sight>& row, const Box& box) {
  std::string text;
  const double cell = box.width / static_cast<double>(row.size());
  for (size_t begin = 0; begin < row.size();) {
    size_t end = begin + 1;
    while (end < row.size() && row[end] == row[begin]) ++end;
    if (row[begin] != Sight::kNothing) {
      text += Rectangle({.x = box.x + cell * static_cast<double>(begin),
                         .y = box.y,
                         .width = cell * static_cast<double>(end - begin),
                         .height = box.height},
                        row[begin] == Sight::kItself ? "#1b6e53" : "#a9d5c5");
    }
    begin = end;
  }
  return text;
}

// Equal rows that follow each other are drawn as one.
std::string Matrix(const SightMatrix& seen, double x, double y) {
  std::string text = Rectangle({x, y, kSide, kSide}, "#f2f2f2");
  const double height = static_cast<double>(kSide) / static_cast<double>(seen.size());
  for (size_t begin = 0; begin < seen.size();) {
    size_t end = begin + 1;
    while (end < seen.size() && seen[end] == seen[begin]) ++end;
    text += Row(seen[begin], {.x = x,
                              .y = y + height * static_cast<double>(begin),
                              .width = kSide,
                              .height = height * static_cast<double>(end - begin)});
    begin = end;
  }
  return text;
}

// The last characters, as many as stand below a panel: names differ at their ends.
std::string Shortened(const std::string& text) {
  constexpr size_t kMaxLength = 48;
  return text.size() <= kMaxLength ? text : "..." + text.substr(text.size() - kMaxLength + 3);
}

double Share(const SightMatrix& seen) {
  double pairs = 0, all = 0;
  for (const std::vector<Sight>& row : seen) {
    pairs += static_cast<double>(std::ranges::count_if(row, [](Sight s) { return s != Sight::kNothing; }));
    all += static_cast<double>(row.size());
  }
  return all > 0 ? pairs / all : 0.0;
}

std::string Panel(const AttentionPanel& panel, double x, double y) {
  std::string heads = panel.heads.front();
  if (panel.heads.size() > 1) heads += " and " + std::to_string(panel.heads.size() - 1) + " more";
  const std::string lengths = std::to_string(panel.seen.size()) + " queries, " +
                              std::to_string(panel.seen.empty() ? 0 : panel.seen.front().size()) + " keys, ";
  return Matrix(panel.seen, x, y) + Text(x, y + kSide + 15, Shortened(panel.pattern)) +
         Text(x, y + kSide + 29, lengths + Fixed(100.0 * Share(panel.seen), 1) + " % of the pairs") +
         Text(x, y + kSide + 43, Shortened(heads));
}

}  // namespace

std::string AttentionSvg(const std::vector<AttentionPanel>& panels) {
  const int count = static_cast<int>(panels.size());
  const int columns = std::clamp(count, 1, kMaxColumns), rows = (count + columns - 1) / columns;
  const int width = kMargin + columns * (kSide + kMargin), height = kMargin + rows * (kSide + kCaption);
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + std::to_string(width) + " " +
                    std::to_string(height) + "\" font-family=\"sans-serif\" font-size=\"11\">\n" +
                    Rectangle({0, 0, static_cast<double>(width), static_cast<double>(height)}, "white");
  for (int i = 0; i < count; ++i) {
    svg += Panel(panels[static_cast<size_t>(i)], kMargin + i % columns * (kSide + kMargin),
                 kMargin + i / columns * (kSide + kCaption));
  }
  return svg + "</svg>\n";
}

}  // namespace earshot::cli
