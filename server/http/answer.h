/*
 * An answer as the client of a server reads it: status and body, from bytes that come as they like. The body has a
 * Content-Length, or chunks, or ends with the connection.
 */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "http/parse.h"

struct http_answer {
	int status; /* 0: the head has not come yet */
	struct buf body;
	uint64_t left; /* of a body with a Content-Length */
	bool chunked, until_end;
	struct http_chunked chunks;
};

enum http_answer_result { HTTP_ANSWER_MORE, HTTP_ANSWER_DONE, HTTP_ANSWER_BAD };

/* Zeroed, an answer begins. *used: how many of the bytes were taken; what is left is to be shown again, with more.
 * max: bytes of body. */
enum http_answer_result http_answer_feed(struct http_answer *a, struct slice in, size_t max, size_t *used) MUST_CHECK;
/* The connection has ended. Was it the end of the answer too? */
bool http_answer_ends(const struct http_answer *a) MUST_CHECK;
void http_answer_fini(struct http_answer *a);

/* The first header of that name, in lower case, in a head. False: there is none. */
bool http_answer_header(struct slice head, const char *name, struct slice *value) MUST_CHECK;
/* The size of the head with its empty line; 0: it is not whole. */
size_t http_answer_head(struct slice in);
int http_answer_status(struct slice head); /* 0: it is no head of an answer */

#endif
