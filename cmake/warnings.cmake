# The warnings that every target of this project is built with; errors in the dev preset.
add_compile_options(
  -Wall -Wextra -Wconversion -Wshadow -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wold-style-cast -Wcast-align -Wnull-dereference -Wformat=2 -Wduplicated-cond
  -Wduplicated-branches -Wlogical-op)
# C has no such warnings; g++ would say so for each file.
if(APTKEEP_WERROR)
  add_compile_options(-Werror)
endif()
