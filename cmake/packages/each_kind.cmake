# What differs between the kinds of packages; cpack reads it for each.
if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_PACKAGING_INSTALL_PREFIX ${CPACK_LYCEUM_PREFIX})
  set(CPACK_PRE_BUILD_SCRIPTS ${CPACK_LYCEUM_FILES}/debian.cmake)
  set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package's description begins with its own
else()
  set(CPACK_PRE_BUILD_SCRIPTS ${CPACK_LYCEUM_FILES}/archive.cmake)
endif()
