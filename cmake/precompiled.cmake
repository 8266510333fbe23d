# aptkeep_precompile(TARGET [HEADERS...]): with APTKEEP_PRECOMPILE, what most files include is compiled
# once for all targets of the same kind (object library or program: their flags differ) that have the
# same headers and options of their own.
function(aptkeep_precompile target)
  if(NOT APTKEEP_PRECOMPILE)
    return()
  endif()
  get_target_property(type ${target} TYPE)
  get_target_property(options ${target} COMPILE_OPTIONS)
  string(MAKE_C_IDENTIFIER "precompiled_${type}_${ARGN}_${options}" key)
  get_property(owner GLOBAL PROPERTY ${key})
  if(owner)
    target_precompile_headers(${target} REUSE_FROM ${owner})
    return()
  endif()
  set_property(GLOBAL PROPERTY ${key} ${target})
  target_precompile_headers(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:${PROJECT_SOURCE_DIR}/cmake/precompiled.h>" ${ARGN})
endfunction()
