"""Plans past one machine: boxes that independent workers take, and a frontier that outlives a process."""
