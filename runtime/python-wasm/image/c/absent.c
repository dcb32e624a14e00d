/* Functions that CPython's configure script finds in zig's headers although WASI has none of them. They fail as the system calls
 * would on a system without them. */
#include <errno.h>
#include <stddef.h>

#define ABSENT { errno = ENOSYS; return -1; }
int epoll_create1(int flags) ABSENT
int epoll_ctl(int epoll, int op, int fd, void *event) ABSENT
int epoll_wait(int epoll, void *events, int max, int timeout) ABSENT
int setgroups(size_t n, const void *groups) ABSENT
int timerfd_create(int clock, int flags) ABSENT
int timerfd_settime(int fd, int flags, const void *value, void *old) ABSENT
int timerfd_gettime(int fd, void *value) ABSENT

/* Messages are not translated. */
char *gettext(const char *text) { return (char *)text; }
char *dgettext(const char *domain, const char *text) { return (char *)text; }
char *dcgettext(const char *domain, const char *text, int category) { return (char *)text; }
char *textdomain(const char *domain) { return "messages"; }
char *bindtextdomain(const char *domain, const char *folder) { return NULL; }
