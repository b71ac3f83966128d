/*
 * The parts of a worker: each file of a floor that has something to start. What happens to all of them is called here for each that has
 * such a function.
 */
#ifndef APP_PARTS_H
#define APP_PARTS_H

struct worker;

void parts_start(struct worker *w); /* the floors hold what they borrow */
void parts_stop(struct worker *w);  /* in reverse; harmless before parts_start */
void parts_database_up(struct worker *w);
void parts_gap(struct worker *w);  /* rows of the outbox may have been missed */
void parts_tick(struct worker *w); /* every few seconds */

#endif
