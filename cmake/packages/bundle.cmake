# Puts the shared libraries that the command and the C library are linked with beside them, save those of the C and C++
# runtimes, with their copyrights. Runs while an archive is made; needs patchelf: a library that another one needs is looked
# for where that other one says, not where the program says.
set(root $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX})
file(GLOB libraries ${root}/lib/liblyceum.so.* ${root}/lib/*/liblyceum.so.*)
file(GET_RUNTIME_DEPENDENCIES EXECUTABLES ${root}/bin/lyceum LIBRARIES ${libraries} RESOLVED_DEPENDENCIES_VAR found
     PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|stdc\\+\\+|gcc_s)\\.so")
find_program(PATCHELF patchelf REQUIRED)
foreach(file ${found})
  get_filename_component(name ${file} NAME)
  file(INSTALL ${file} DESTINATION ${root}/${modules} FOLLOW_SYMLINK_CHAIN)
  file(REAL_PATH ${file} real)
  get_filename_component(real_name ${real} NAME)
  execute_process(COMMAND ${PATCHELF} --set-rpath "$ORIGIN" ${root}/${modules}/${real_name} COMMAND_ERROR_IS_FATAL ANY)
  # which package it is of, and on what terms
  foreach(path ${real} /usr${real} ${file})
    execute_process(COMMAND dpkg-query -S ${path} OUTPUT_VARIABLE owner ERROR_QUIET RESULT_VARIABLE status)
    if(status EQUAL 0)
      string(REGEX REPLACE ":.*" "" owner "${owner}")
      file(INSTALL /usr/share/doc/${owner}/copyright DESTINATION ${root}/share/doc/lyceum/libraries RENAME ${owner})
      break()
    endif()
  endforeach()
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${file}: no package has it, so its terms are not known. Fix: build on Debian, with its libraries.")
  endif()
endforeach()
