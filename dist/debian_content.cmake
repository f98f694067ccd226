# Run by CPack over what it is about to pack: the manual compressed, and a changelog of Debian's form beside ours.
set(share ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share)
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # SOURCE_DATE_EPOCH counts
file(WRITE ${share}/doc/tally/changelog "tally (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * What changed is in CHANGELOG.md.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
file(GLOB pages ${share}/man/man*/*)
execute_process(COMMAND gzip -9n ${share}/doc/tally/changelog ${pages} COMMAND_ERROR_IS_FATAL ANY)
