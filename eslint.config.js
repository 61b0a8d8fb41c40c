import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'bench/node_modules', 'docs/reference'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // What a `catch` caught is passed on as it is.
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      'no-console': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      eqeqeq: 'error',
    },
  },
  { files: ['docs/examples/**', 'bench/**', 'test/**'], rules: { 'no-console': 'off' } },
  {
    // What V8 makes outside of its young generation keeps all that it refers to, an open log at worst, until a full collection.
    files: ['lib/**', 'recovery/**', 'segments/**'],
    ignores: ['lib/cli/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: ':not(MethodDefinition) > FunctionExpression[generator=true]',
          message: 'Each such generator gets a hidden class of its own. Name it, outside, and call it in an arrow.',
        },
        {
          selector: 'AssignmentExpression[left.type="MemberExpression"][right.type=/^(Arrow)?FunctionExpression$/]',
          message: 'A function that is assigned to a member where it is written is never young. Name it before.',
        },
        {
          selector: 'ObjectExpression > Property[kind=/^[gs]et$/]',
          message: 'Each object with a getter of its own gets a hidden class of its own. Make it a method, or a class.',
        },
      ],
    },
  },
)
