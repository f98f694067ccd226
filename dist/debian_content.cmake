# Run by CPack over what it is about to pack: the manual and the changelog as Debian has them.
set(share ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share)
file(RENAME ${share}/doc/tally/CHANGELOG.md ${share}/doc/tally/changelog)
file(GLOB pages ${share}/man/man*/*)
execute_process(COMMAND gzip -9n ${share}/doc/tally/changelog ${pages} COMMAND_ERROR_IS_FATAL ANY)
