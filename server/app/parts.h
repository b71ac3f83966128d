/*
 * The parts of a worker: files of the floors that have something to start. Each function here calls the function of the
 * same name of every part that has one.
 */
#ifndef APP_PARTS_H
#define APP_PARTS_H

struct worker;

void parts_start(struct worker *w); /* the borrowed fields of the floors are set before */
void parts_stop(struct worker *w);  /* in reverse order; harmless before parts_start */
void parts_database_up(struct worker *w);
void parts_gap(struct worker *w);  /* rows of the outbox may have been missed */
void parts_tick(struct worker *w); /* every two seconds */

/* Why no clients should be sent; NULL: nothing is missing. The last part is asked first: without its schema no other can be there. */
const char *parts_missing(const struct worker *w);

#endif
