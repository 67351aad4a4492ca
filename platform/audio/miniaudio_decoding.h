// miniaudio cut down to its file decoders. The options change the library's own types, so every file that
// uses it includes this header, and only miniaudio.cc compiles the implementation.
#ifndef EARSHOT_PLATFORM_AUDIO_MINIAUDIO_DECODING_H_
#define EARSHOT_PLATFORM_AUDIO_MINIAUDIO_DECODING_H_

#define MA_NO_DEVICE_IO
#define MA_NO_THREADING
#define MA_NO_ENCODING
#define MA_NO_GENERATION
#define MA_NO_ENGINE
#define MA_NO_NODE_GRAPH
#define MA_NO_RESOURCE_MANAGER
#include <miniaudio.h>

#endif  // EARSHOT_PLATFORM_AUDIO_MINIAUDIO_DECODING_H_
