/* Stands before the kernel: adjtimex(2) tells the maximum error, in microseconds, that stands in the
   file CLOCK_ERROR; a negative one is a refusal. Which answer the kernel gives is the machine's matter. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timex.h>

int adjtimex(struct timex *answer)
{
    long error = -1;
    FILE *file = fopen(getenv("CLOCK_ERROR"), "r");
    if (answer->modes != 0)
        abort();
    if (file) {
        if (fscanf(file, "%ld", &error) != 1)
            error = -1;
        fclose(file);
    }
    if (error < 0) {
        errno = EPERM;
        return -1;
    }
    answer->maxerror = error;
    /* As chrony leaves it without rtcsync. */
    answer->status = STA_UNSYNC;
    return TIME_ERROR;
}
