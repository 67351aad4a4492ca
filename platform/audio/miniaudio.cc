// The one translation unit that compiles miniaudio's implementation.
#define MINIAUDIO_IMPLEMENTATION
#include "platform/audio/miniaudio_decoding.h"
