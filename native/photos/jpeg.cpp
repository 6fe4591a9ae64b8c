#include "jpeg.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <jpeglib.h>

#include "exif.h"
#include "profile.h"

namespace photos {

namespace {

/// sharp's own limit. Larger images are left to sharp, which refuses them.
constexpr uint64_t MOST_PIXELS = 0x3FFFull * 0x3FFF;
/// A progressive image has some ten. Each takes time for all pixels, so a small file of many scans could block a server for long.
constexpr int MOST_SCANS = 100;
constexpr int EXIF_MARKER = JPEG_APP0 + 1;
constexpr int PROFILE_MARKER = JPEG_APP0 + 2;
constexpr char EXIF_NAME[] = "Exif\0"; // and the zero that ends it
constexpr char PROFILE_NAME[] = "ICC_PROFILE"; // the zero follows, then the number of this part and the number of parts

/// libjpeg reports errors through it, by longjmp. So no object with a destructor may be alive between setjmp and a call of libjpeg.
struct Errors {
  jpeg_error_mgr manager; // first: libjpeg gives back its address
  jmp_buf leave;
};

/// How the upright image is stored: columns or rows may be reversed, and then columns and rows exchanged.
struct Turn {
  bool columnsBackwards;
  bool rowsBackwards;
  bool exchanged;
};

Turn turnOf(int orientation) {
  const bool columns = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool rows = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  return {columns, rows, orientation >= 5};
}

}  // namespace

struct Jpeg::Reader {
  Reader(const uint8_t* bytes, size_t length) : bytes_(bytes), length_(length) {
    info_.err = jpeg_std_error(&errors_.manager);
    errors_.manager.error_exit = leave;
    errors_.manager.emit_message = [](j_common_ptr info, int level) {
      if (level < 0) leave(info); // a warning: the image is damaged
    };
    progress_.progress_monitor = [](j_common_ptr info) {
      if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > MOST_SCANS) leave(info);
    };
  }
  ~Reader() { jpeg_destroy_decompress(&info_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  static void leave(j_common_ptr info) { longjmp(reinterpret_cast<Errors*>(info->err)->leave, 1); }

  bool open() {
    if (length_ < 4 || bytes_[length_ - 2] != 0xFF || bytes_[length_ - 1] != JPEG_EOI) return false;
    if (setjmp(errors_.leave) != 0) return false;
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_mem_src(&info_, bytes_, length_);
    jpeg_save_markers(&info_, EXIF_MARKER, 0xFFFF);
    jpeg_save_markers(&info_, PROFILE_MARKER, 0xFFFF);
    jpeg_read_header(&info_, TRUE);
    if (info_.data_precision != 8 || uint64_t{info_.image_width} * info_.image_height > MOST_PIXELS) return false;
    if (info_.jpeg_color_space != JCS_YCbCr && info_.jpeg_color_space != JCS_GRAYSCALE) return false;
    return readMarkers();
  }

  /// As stored, like everything in this class.
  Size size() const { return {static_cast<int>(info_.image_width), static_cast<int>(info_.image_height)}; }
  Size scaledSize() const { return {static_cast<int>(info_.output_width), static_cast<int>(info_.output_height)}; }

  void scale(int reduction) {
    info_.scale_num = 1;
    info_.scale_denom = reduction;
    info_.out_color_space = JCS_RGB;
    jpeg_calc_output_dimensions(&info_);
  }

  /// Decodes a region of the scaled image.
  std::optional<Part> decode(const Region& region, std::vector<uint8_t>& memory) {
    // Chroma is interpolated between neighbours, so these must be decoded too.
    constexpr int MARGIN = 2;
    const int top = std::max(0, region.top - MARGIN);
    int left = std::max(0, region.left - MARGIN);
    int width = std::min(static_cast<int>(info_.output_width), region.left + region.width + MARGIN) - left;
    // The decoder moves the left edge to a whole block, by less than this.
    constexpr int LARGEST_BLOCK = 32;
    memory.resize(3 * static_cast<size_t>(width + LARGEST_BLOCK) * (region.top + region.height - top));
    if (!decodeRows(left, width, top, region.top + region.height, memory.data())) return {};
    const size_t rowBytes = 3 * static_cast<size_t>(width);
    return Part{memory.data() + (region.top - top) * rowBytes + 3 * static_cast<size_t>(region.left - left), rowBytes};
  }

  bool readMarkers() {
    bool exif = false;
    for (const jpeg_marker_struct* marker = info_.marker_list; marker != nullptr; marker = marker->next) {
      const auto begins = [&](const char* name, size_t length) {
        return marker->data_length >= length && std::memcmp(marker->data, name, length) == 0;
      };
      if (marker->marker == PROFILE_MARKER && begins(PROFILE_NAME, sizeof PROFILE_NAME)) {
        constexpr size_t PREFIX = sizeof PROFILE_NAME + 2;
        if (marker->data_length < PREFIX || marker->data[PREFIX - 1] != 1) return false; // sRGB's fit into one part
        if (info_.jpeg_color_space != JCS_YCbCr || !isSrgb(marker->data + PREFIX, marker->data_length - PREFIX)) return false;
      }
      if (marker->marker != EXIF_MARKER || !begins(EXIF_NAME, sizeof EXIF_NAME) || exif) continue;
      const std::optional<int> found = exifOrientation(marker->data, marker->data_length);
      if (!found) return false;
      turn_ = turnOf(*found);
      exif = true;
    }
    return true;
  }

  /// Rows top .. bottom - 1 of the columns, which the decoder may widen to the left.
  bool decodeRows(int& left, int& width, int top, int bottom, uint8_t* target) {
    if (setjmp(errors_.leave) != 0) return false;
    jpeg_start_decompress(&info_);
    if (width < static_cast<int>(info_.output_width)) {
      JDIMENSION x = left, columns = width;
      jpeg_crop_scanline(&info_, &x, &columns);
      left = static_cast<int>(x);
      width = static_cast<int>(columns);
    }
    if (top > 0) jpeg_skip_scanlines(&info_, top);
    const size_t rowBytes = 3 * static_cast<size_t>(width);
    while (static_cast<int>(info_.output_scanline) < bottom) {
      constexpr int AT_ONCE = 8;
      JSAMPROW rows[AT_ONCE];
      const int next = info_.output_scanline;
      const int count = std::min(AT_ONCE, bottom - next);
      for (int i = 0; i < count; i++) rows[i] = target + (next + i - top) * rowBytes;
      if (jpeg_read_scanlines(&info_, rows, count) == 0) return false;
    }
    return true;
  }

  const uint8_t* bytes_;
  size_t length_;
  jpeg_decompress_struct info_{};
  Errors errors_;
  jpeg_progress_mgr progress_{};
  Turn turn_{};
};

namespace {

/// Where an upright region lies in an image that is stored with this size.
Region stored(const Region& region, const Turn& turn, const Size& size) {
  Region result = region;
  if (turn.exchanged) result = {region.top, region.left, region.height, region.width};
  if (turn.columnsBackwards) result.left = size.width - result.left - result.width;
  if (turn.rowsBackwards) result.top = size.height - result.top - result.height;
  return result;
}

/// A stored part (height, width, 3), turned upright.
Part upright(const Part& part, const Region& region, const Turn& turn, std::vector<uint8_t>& memory) {
  const int width = turn.exchanged ? region.height : region.width;
  const int height = turn.exchanged ? region.width : region.height;
  memory.resize(3 * static_cast<size_t>(width) * height);
  const ptrdiff_t rowBytes = static_cast<ptrdiff_t>(part.rowBytes);
  const ptrdiff_t columnStep = turn.columnsBackwards ? -3 : 3;
  const ptrdiff_t rowStep = turn.rowsBackwards ? -rowBytes : rowBytes;
  const uint8_t* corner = part.pixels + (turn.columnsBackwards ? 3 * (region.width - 1) : 0) +
                          (turn.rowsBackwards ? rowBytes * (region.height - 1) : 0);
  uint8_t* to = memory.data();
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++, to += 3) {
      const uint8_t* from = corner + columnStep * (turn.exchanged ? y : x) + rowStep * (turn.exchanged ? x : y);
      std::copy_n(from, 3, to);
    }
  }
  return {memory.data(), 3 * static_cast<size_t>(width)};
}

/// The start of a reversed axis that is scaled. Its last pixel, which is now the first, may cover less of the image than the others.
double shift(bool backwards, int extent, int scaled, int reduction) {
  return backwards ? scaled - static_cast<double>(extent) / reduction : 0;
}

}  // namespace

Jpeg::Jpeg(const uint8_t* bytes, size_t length) : reader_(std::make_unique<Reader>(bytes, length)) {}
Jpeg::~Jpeg() = default;

bool Jpeg::open() { return reader_->open(); }

Size Jpeg::size() const {
  const Size size = reader_->size();
  return reader_->turn_.exchanged ? Size{size.height, size.width} : size;
}

Box Jpeg::scale(int reduction, const Region& region) {
  reader_->scale(reduction);
  const Turn& turn = reader_->turn_;
  const Size size = reader_->size(), scaled = reader_->scaledSize();
  double across = shift(turn.columnsBackwards, size.width, scaled.width, reduction);
  double down = shift(turn.rowsBackwards, size.height, scaled.height, reduction);
  if (turn.exchanged) std::swap(across, down);
  const double factor = 1.0 / reduction;
  return {region.left * factor + across, region.top * factor + down, region.width * factor, region.height * factor};
}

std::optional<Part> Jpeg::decode(const Region& region, JpegScratch& scratch) {
  const Turn& turn = reader_->turn_;
  const Region part = stored(region, turn, reader_->scaledSize());
  const std::optional<Part> decoded = reader_->decode(part, scratch.decoded);
  if (!decoded || !(turn.columnsBackwards || turn.rowsBackwards || turn.exchanged)) return decoded;
  return upright(*decoded, part, turn, scratch.upright);
}

}  // namespace photos
