/*
 * Preloaded into a Redis, makes the fsyncs of its background thread as long as those of a busy disk. Those of the main
 * thread, with which Redis keeps `appendfsync always`, stay as they are.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd) {
  if (syscall(SYS_gettid) != getpid()) usleep(900 * 1000);
  return syscall(SYS_fdatasync, fd);
}
