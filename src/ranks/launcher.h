// Who started this process: a launcher of several, or somebody who wanted one.
#pragma once

namespace lyceum {

struct Launch {
  int rank = 0, size = 1;
  // The launcher tells a process its rank, but not how many there are (PMIx).
  bool is_size_unknown = false;
  bool is_alone() const { return size == 1 && !is_size_unknown; }
};

// What mpirun (Open MPI; MPICH and Intel MPI; MVAPICH) and Slurm's srun with PMIx put into the environment.
// What is no number is as if it were not there.
Launch launch_from_environment();

}  // namespace lyceum
