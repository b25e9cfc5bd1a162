# Installs the runtime to a fresh folder, builds the consumer against it, moves
# nothing else there, and runs it.
#
#   cmake -DBUILD=... -DWORK=... -DSOURCE=... -DEXAMPLE=... -DARTIFACT=...
#         -DGENERATOR=... -DC_COMPILER=... -DCXX_COMPILER=... -P this_file
function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY
    OUTPUT_VARIABLE output)
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix
  --component hipfuse-rt)
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/build -G ${GENERATOR}
  -DCMAKE_PREFIX_PATH=${WORK}/prefix -DEXAMPLE=${EXAMPLE}
  -DCMAKE_C_COMPILER=${C_COMPILER} -DCMAKE_CXX_COMPILER=${CXX_COMPILER})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer ${ARTIFACT})
if(NOT output STREQUAL "11 22 33 44\n55 66 77 88\n")
  message(FATAL_ERROR "unexpected output:\n${output}")
endif()
