# Puts the shared libraries that Lyceum is linked with beside it, with their terms: all but those of every Debian (C, C++), and
# MPI's, which has to be the launcher's. cpack runs this over the tree that becomes the archive.
set(root ${CPACK_TEMPORARY_DIRECTORY})
set(modules ${root}/${CPACK_LYCEUM_MODULES})
set(doc ${root}/share/doc/lyceum)
file(GLOB c_library ${modules}/../liblyceum.so.*.*)
file(GLOB ann ${modules}/liblyceum_ann.so)
file(GET_RUNTIME_DEPENDENCIES EXECUTABLES ${root}/bin/lyceum LIBRARIES ${c_library} ${ann} RESOLVED_DEPENDENCIES_VAR found
     PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|stdc\\+\\+|gcc_s)\\.so")
list(SORT found)

file(COPY ${CPACK_LYCEUM_FILES}/copyright ${CPACK_RESOURCE_FILE_LICENSE} DESTINATION ${doc} NO_SOURCE_PERMISSIONS)
set(table "The shared libraries of lib/*/lyceum whose names do not begin with liblyceum are those of the Debian packages below, built from
the source packages beside them. Nothing was changed but the folder in which they look for each other. Their terms lie here.

")
foreach(file ${found})
  get_filename_component(name ${file} NAME)
  file(REAL_PATH ${file} real)
  string(REGEX REPLACE "^/usr" "" short ${real})
  foreach(path ${real} ${short})  # a package may know it as in /lib, which is a link now
    execute_process(COMMAND dpkg-query -S ${path} OUTPUT_VARIABLE owner ERROR_QUIET RESULT_VARIABLE status)
    if(status EQUAL 0)
      break()
    endif()
  endforeach()
  if(status)
    message(FATAL_ERROR "${file}: no package has it, so its terms are not known. Fix: build on Debian, with its libraries.")
  endif()
  string(REGEX REPLACE ":? .*" "" owner "${owner}")  # libz1:amd64: /lib/...
  string(REGEX REPLACE ":.*" "" package "${owner}")
  execute_process(COMMAND dpkg-query -W -f "\${source:Package} \${source:Version}" ${owner} OUTPUT_VARIABLE source COMMAND_ERROR_IS_FATAL ANY)
  string(APPEND table "${name}: ${package}, of ${source}\n")
  configure_file(/usr/share/doc/${package}/copyright ${doc}/libraries/${package} COPYONLY)
  configure_file(${real} ${modules}/${name} COPYONLY)
  # a library looks where it says itself, not where the program says
  execute_process(COMMAND patchelf --set-rpath "\$ORIGIN" ${modules}/${name} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
file(WRITE ${doc}/libraries/README "${table}")
if(ann)
  execute_process(COMMAND patchelf --set-rpath "\$ORIGIN" ${ann} COMMAND_ERROR_IS_FATAL ANY)
endif()
execute_process(COMMAND patchelf --set-rpath "\$ORIGIN/lyceum" ${c_library} COMMAND_ERROR_IS_FATAL ANY)
