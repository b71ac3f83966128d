/*
 * A second opinion about JSON. The names of its types are names of ours too, so its macros json_is_... cannot be used
 * for those.
 */
#ifndef TEST_JSON_PEER_H
#define TEST_JSON_PEER_H

#include "base/json.h"
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_TRUE JANSSON_TRUE
#define JSON_FALSE JANSSON_FALSE
#define JSON_NULL JANSSON_NULL
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL

#endif
